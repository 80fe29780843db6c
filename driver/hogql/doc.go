// Package hogql parses HogQL, PostHog's SQL dialect, so that the driver knows
// what a query is before it spends quota on it: its own LIMIT, a forbidden
// OFFSET, the tables, events and properties it names, its placeholders, and
// where exactly a syntax error is.
//
// The tree has the node names of PostHog's own parser and the same shape, node
// by node; a differential test holds the two together. PostHog remains the
// judge: a construct that this package knows of but does not parse is an
// *UnsupportedError, to be passed on, and never a refusal.
package hogql
