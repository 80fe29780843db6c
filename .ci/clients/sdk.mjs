// The TypeScript SDK of both generations against the demo: stdio, Streamable
// HTTP and (where the generation has it) SSE.
//   node sdk.mjs BINARY URL
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as HTTP1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { SSEClientTransport as SSE1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { Client as Client2, StreamableHTTPClientTransport as HTTP2, SSEClientTransport as SSE2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio'
import { visit } from './calls.mjs'

const [binary, url] = process.argv.slice(2)
const info = { name: 'ci', version: '1.0.0' }
const spawn = { command: binary, args: ['serve', '--demo'], stderr: 'ignore' }
const auto = { versionNegotiation: { mode: 'auto' } }
const runs = [
  ['sdk 1 stdio', () => new Client1(info), () => new Stdio1(spawn)],
  ['sdk 1 http', () => new Client1(info), () => new HTTP1(new URL('/mcp', url))],
  ['sdk 1 sse', () => new Client1(info), () => new SSE1(new URL('/sse', url))],
  ['sdk 2 stdio', () => new Client2(info, auto), () => new Stdio2(spawn)],
  ['sdk 2 http', () => new Client2(info, auto), () => new HTTP2(new URL('/mcp', url))],
  ['sdk 2 sse', () => new Client2(info, auto), () => new SSE2(new URL('/sse', url))],
]
let calls = 0
for (const [label, make, transport] of runs) {
  const client = make()
  await client.connect(transport())
  const { tools } = await client.listTools()
  calls += await visit(client, label, tools)
  await client.close()
  console.log(`${label}: ${tools.length} tools, calls answered`)
}
console.log(`${runs.length} clients, ${calls} calls`)
