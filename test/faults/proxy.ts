import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { buffer } from 'node:stream/consumers'
import { toCall, type Call, type RawRequest } from './calls.ts'

/** The real response of S3 or SQS. */
export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

/** A fault before the call is forwarded. Only a delayed call is forwarded at all. */
type RequestFault =
  /** Responds with an error of the service; the body contains its code. */
  | { do: 'respond'; status: number; code: string }
  /** Forwards the call after a pause. */
  | { do: 'delay'; seconds: number }
  /** Closes the connection, resets it, half closes it, or leaves it open without a response. */
  | { do: 'drop' | 'reset' | 'halfClose' | 'stall' }

/** A fault after the call was forwarded and took effect. */
type ReplyFault =
  | { do: 'dropReply' | 'stallReply'; when?(reply: Reply, call: Call): boolean }
  /** Sends this many bytes of the body, then closes or resets the connection, or sends nothing more. */
  | { do: 'truncate' | 'resetBody' | 'stallBody'; afterBytes: number }

export type Fault = (RequestFault | ReplyFault) & {
  on(call: Call): boolean
  /** Maximum number of hits. Default: unlimited, until it is switched off. */
  times?: number
  /** Runs when the fault occurs, before the daemon can notice it. */
  act?(call: Call): void | Promise<void>
}

export type ActiveFault = { readonly hits: number; off(): void }

/** The network between one daemon and the embedded S3 and SQS. */
export type FaultProxy = {
  readonly s3Url: string
  readonly sqsUrl: string
  /** Every call so far, in order of arrival. */
  readonly calls: readonly Call[]
  /** Number of calls without a response whose client is still connected. */
  readonly pending: number
  /** Reports every call, before faults are applied. */
  watch(listener: (call: Call) => void): void
  /** Adds a fault. The first fault that matches a call is applied. */
  fault(fault: Fault): ActiveFault
  /** Changes fields of SQS requests. Does not count as a fault. */
  rewrite(edit: (call: Call) => Record<string, unknown>): void
  /** Closes matching open connections, and drops new calls that match. */
  cut(which: (call: Call) => boolean): ActiveFault
} & AsyncDisposable

type Rule = { fault: Fault; hits: number; on: boolean }

/** Starts two proxies on the loopback interface, for S3 and for SQS. They pass the host header on, so signatures stay valid. */
export async function openFaultProxy(endpoints: { s3: string; sqs: string }): Promise<FaultProxy> {
  const calls: Call[] = []
  const rules: Rule[] = []
  const listeners: ((call: Call) => void)[] = []
  const edits: ((call: Call) => Record<string, unknown>)[] = []
  const edit = (call: Call) => Object.assign({}, ...edits.map((one) => one(call))) as Record<string, unknown>
  const findRule = (call: Call): Rule | undefined => {
    calls.push(call)
    for (const listener of listeners) listener(call)
    return rules.find(({ fault, hits, on }) => on && hits < (fault.times ?? Number.POSITIVE_INFINITY) && fault.on(call))
  }
  const [s3, sqs] = await Promise.all([
    startServer(endpoints.s3, { findRule, edit }),
    startServer(endpoints.sqs, { findRule, edit }),
  ])
  function fault(added: Fault): ActiveFault {
    const rule: Rule = { fault: added, hits: 0, on: true }
    rules.push(rule)
    return {
      get hits() {
        return rule.hits
      },
      off: () => void (rule.on = false),
    }
  }
  return {
    s3Url: s3.url,
    sqsUrl: sqs.url,
    calls,
    get pending() {
      return s3.pending() + sqs.pending()
    },
    watch: (listener) => void listeners.push(listener),
    fault,
    rewrite: (added) => void edits.push(added),
    cut(which) {
      const active = fault({ on: which, do: 'drop' })
      for (const server of [s3, sqs]) server.drop(which)
      return active
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([s3.close(), sqs.close()])
    },
  }
}

type OpenCalls = Map<ServerResponse, Call>
type Rules = {
  findRule(call: Call): Rule | undefined
  edit(call: Call): Record<string, unknown>
}

async function startServer(endpoint: string, rules: Rules) {
  const open: OpenCalls = new Map()
  const server = createServer((incoming, response) => {
    serve({ endpoint, open, ...rules }, incoming, response).catch(() => response.destroy()) // client or service is gone
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pending: () => open.size,
    drop(which: (call: Call) => boolean) {
      for (const [response, call] of open) if (which(call)) response.destroy()
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type ServeDeps = Rules & { endpoint: string; open: OpenCalls }

async function serve(
  { endpoint, findRule, edit, open }: ServeDeps,
  incoming: IncomingMessage,
  response: ServerResponse,
) {
  const { method = '', url = '', headers } = incoming
  const received: RawRequest = { method, url, headers, body: await buffer(incoming) }
  const call = toCall(received)
  const raw = toEdited(received, { ...call.fields }, edit(call))
  open.set(response, call)
  response.once('close', () => open.delete(response))
  const rule = findRule(call)
  if (rule === undefined) return pass(response, await forward(endpoint, raw, response))
  const { fault } = rule
  if (isReplyFault(fault)) {
    const reply = await forward(endpoint, raw, response)
    if ('when' in fault && fault.when?.(reply, call) === false) return pass(response, reply)
    rule.hits++
    await fault.act?.(call)
    return applyReplyFault(fault, response, reply)
  }
  rule.hits++
  await fault.act?.(call)
  if (fault.do !== 'delay') return applyRequestFault(fault, response, call)
  await sleep(fault.seconds * 1000, undefined, { ref: false })
  return pass(response, await forward(endpoint, raw, response))
}

const isReplyFault = (fault: Fault): fault is Fault & ReplyFault =>
  'when' in fault || 'afterBytes' in fault || fault.do.endsWith('Reply')

/** Works for SQS only, because the embedded SQS does not check signatures. */
function toEdited(raw: RawRequest, fields: Record<string, unknown>, changes: Record<string, unknown>): RawRequest {
  if (Object.keys(changes).length === 0) return raw
  const body = Buffer.from(JSON.stringify({ ...fields, ...changes }))
  return { ...raw, body, headers: { ...raw.headers, 'content-length': String(body.length) } }
}

/** Ends a long poll when its client disconnects; otherwise it would receive, and hide, the next message for nobody. */
function forward(
  endpoint: string,
  { method, url, headers, body }: RawRequest,
  response: ServerResponse,
): Promise<Reply> {
  const { hostname, port } = new URL(endpoint)
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const outgoing = request({ hostname, port, path: url, method, headers, agent: false }, (reply) => {
    buffer(reply).then(
      (content) => resolve({ status: reply.statusCode ?? 502, headers: reply.headers, body: content }),
      reject,
    )
  })
  outgoing.once('error', reject)
  response.once('close', () => outgoing.destroy())
  outgoing.end(body)
  return promise
}

function pass(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, withoutConnectionHeaders(headers))
  response.end(body)
}

function withoutConnectionHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { ...own } = headers
  delete own.connection
  delete own['keep-alive']
  return own
}

function applyRequestFault(fault: Exclude<RequestFault, { do: 'delay' }>, response: ServerResponse, call: Call): void {
  switch (fault.do) {
    case 'respond':
      response.writeHead(fault.status, {
        'content-type': call.service === 's3' ? 'application/xml' : 'application/x-amz-json-1.0',
      })
      response.end(call.op === 'HEAD' ? undefined : toErrorBody(call, fault.code))
      return
    case 'drop':
      response.destroy()
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'halfClose':
      response.socket?.end()
      return
    case 'stall':
  }
}

function toErrorBody({ service }: Call, code: string): string {
  if (service === 'sqs') return JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: 'injected by the test' })
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected by the test</Message></Error>`
}

/** Pause before a connection is closed or reset: a reset discards bytes that the client has not read yet. */
const ARRIVAL_MS = 200

async function applyReplyFault(
  fault: ReplyFault,
  response: ServerResponse,
  { status, headers, body }: Reply,
): Promise<void> {
  if (fault.do === 'stallReply') return
  if (!('afterBytes' in fault)) return void response.destroy()
  response.writeHead(status, withoutConnectionHeaders(headers))
  response.write(body.subarray(0, fault.afterBytes))
  await sleep(ARRIVAL_MS)
  if (fault.do === 'truncate') response.destroy()
  if (fault.do === 'resetBody') response.socket?.resetAndDestroy()
}
