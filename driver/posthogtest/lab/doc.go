// Package lab is the fault laboratory: PostHogs that misbehave below HTTP or
// against its rules, on real sockets of this machine, for what the in-process
// faults of package posthogtest cannot do. Its tests send the real client at
// them with its real transport and hold the answer's kind, the memory it took,
// the goroutines it left and where the key was seen.
//
//   - [Proxy] is toxiproxy between the client and an embedded PostHog: latency,
//     bandwidth, slicing, resets, connections that close late or stop.
//   - [Server] is a raw listener whose answers are written by hand: one byte a
//     second, five gigabytes, a gzip bomb, half a message, HTTP/2 frames.
//   - [Authority] issues good and bad certificates.
//   - [Names] is a name server.
//   - [Meter] watches memory and goroutines.
//
// It is a module of its own, so that toxiproxy stays out of the product's
// dependencies; .ci/lab runs its tests.
package lab
