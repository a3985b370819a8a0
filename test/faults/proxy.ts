import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { buffer } from 'node:stream/consumers'
import { toCall, type Call, type Raw } from './calls.ts'

/** What the store or the queue really said. */
export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

/** What goes wrong with a call. Before it is forwarded: */
type Instead =
  /** An error of the service, with its code in the body. */
  | { do: 'respond'; status: number; code: string }
  /** Forwarded after a pause. */
  | { do: 'delay'; seconds: number }
  /** The connection closed, reset, half closed, or never heard of again. */
  | { do: 'drop' | 'reset' | 'halfClose' | 'stall' }

/** …or after it was forwarded and has taken effect. */
type Afterwards =
  | { do: 'dropReply' | 'stallReply'; when?(reply: Reply, call: Call): boolean }
  /** The body ends, breaks or stands still after so many bytes. */
  | { do: 'truncate' | 'resetBody' | 'stallBody'; afterBytes: number }

export type Fault = (Instead | Afterwards) & {
  on(call: Call): boolean
  /** How often; default: until it is switched off. */
  times?: number
  /** Done at the moment of the fault, before the daemon can notice. */
  act?(call: Call): void | Promise<void>
}

export type Switch = { readonly hits: number; off(): void }

/** The network between one daemon and the cloud. */
export type FaultProxy = {
  readonly s3Url: string
  readonly sqsUrl: string
  /** Every call so far, in the order they came. */
  readonly calls: readonly Call[]
  /** Calls that wait for their answer, and whose caller still does. */
  readonly pending: number
  /** Sees every call before it is judged. */
  watch(listener: (call: Call) => void): void
  /** The first fault that applies to a call decides. */
  fault(fault: Fault): Switch
  /** Has a request of SQS say something else; not a fault, and no call stops counting for it. */
  rewrite(edit: (call: Call) => Record<string, unknown>): void
  /** Ends every open connection too, and lets no new call through. */
  cut(which: (call: Call) => boolean): Switch
} & AsyncDisposable

type Rule = { fault: Fault; hits: number; on: boolean }

/** Two loopback proxies, one in front of S3 and one of SQS. The host header passes, so signatures stay good. */
export async function openFaultProxy(endpoints: { s3: string; sqs: string }): Promise<FaultProxy> {
  const calls: Call[] = []
  const rules: Rule[] = []
  const listeners: ((call: Call) => void)[] = []
  const edits: ((call: Call) => Record<string, unknown>)[] = []
  const edit = (call: Call) => Object.assign({}, ...edits.map((one) => one(call))) as Record<string, unknown>
  const judge = (call: Call): Rule | undefined => {
    calls.push(call)
    for (const listener of listeners) listener(call)
    return rules.find(({ fault, hits, on }) => on && hits < (fault.times ?? Number.POSITIVE_INFINITY) && fault.on(call))
  }
  const [s3, sqs] = await Promise.all([
    openProxy(endpoints.s3, { judge, edit }),
    openProxy(endpoints.sqs, { judge, edit }),
  ])
  function fault(added: Fault): Switch {
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
      const cutting = fault({ on: which, do: 'drop' })
      for (const proxy of [s3, sqs]) proxy.drop(which)
      return cutting
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([s3.close(), sqs.close()])
    },
  }
}

type Open = Map<ServerResponse, Call>
type Judgement = {
  judge(call: Call): Rule | undefined
  edit(call: Call): Record<string, unknown>
}

async function openProxy(endpoint: string, judgement: Judgement) {
  const open: Open = new Map()
  const server = createServer((incoming, answer) => {
    serve({ endpoint, open, ...judgement }, incoming, answer).catch(() => answer.destroy()) // one of the two ends is gone
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pending: () => open.size,
    drop(which: (call: Call) => boolean) {
      for (const [answer, call] of open) if (which(call)) answer.destroy()
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type Passage = Judgement & { endpoint: string; open: Open }

async function serve({ endpoint, judge, edit, open }: Passage, incoming: IncomingMessage, answer: ServerResponse) {
  const { method = '', url = '', headers } = incoming
  const received: Raw = { method, url, headers, body: await buffer(incoming) }
  const call = toCall(received)
  const raw = toEdited(received, { ...call.fields }, edit(call))
  open.set(answer, call)
  answer.once('close', () => open.delete(answer))
  const rule = judge(call)
  if (rule === undefined) return pass(answer, await forward(endpoint, raw, answer))
  const { fault } = rule
  if (isAfterwards(fault)) {
    const reply = await forward(endpoint, raw, answer)
    if ('when' in fault && fault.when?.(reply, call) === false) return pass(answer, reply)
    rule.hits++
    await fault.act?.(call)
    return spoil(fault, answer, reply)
  }
  rule.hits++
  await fault.act?.(call)
  if (fault.do !== 'delay') return refuse(fault, answer, call)
  await sleep(fault.seconds * 1000, undefined, { ref: false })
  return pass(answer, await forward(endpoint, raw, answer))
}

const isAfterwards = (fault: Fault): fault is Fault & Afterwards =>
  'when' in fault || 'afterBytes' in fault || fault.do.endsWith('Reply')

/** Only SQS takes a changed body: it checks no signature. */
function toEdited(raw: Raw, fields: Record<string, unknown>, changes: Record<string, unknown>): Raw {
  if (Object.keys(changes).length === 0) return raw
  const body = Buffer.from(JSON.stringify({ ...fields, ...changes }))
  return { ...raw, body, headers: { ...raw.headers, 'content-length': String(body.length) } }
}

/** A long poll ends with its client: else it would take, and hide, the next message for nobody. */
function forward(endpoint: string, { method, url, headers, body }: Raw, answer: ServerResponse): Promise<Reply> {
  const { hostname, port } = new URL(endpoint)
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const outgoing = request({ hostname, port, path: url, method, headers, agent: false }, (reply) => {
    buffer(reply).then(
      (content) => resolve({ status: reply.statusCode ?? 502, headers: reply.headers, body: content }),
      reject,
    )
  })
  outgoing.once('error', reject)
  answer.once('close', () => outgoing.destroy())
  outgoing.end(body)
  return promise
}

function pass(answer: ServerResponse, { status, headers, body }: Reply): void {
  answer.writeHead(status, toHeaders(headers))
  answer.end(body)
}

/** Those of a connection are this connection's own. */
function toHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { ...own } = headers
  delete own.connection
  delete own['keep-alive']
  return own
}

function refuse(fault: Exclude<Instead, { do: 'delay' }>, answer: ServerResponse, call: Call): void {
  switch (fault.do) {
    case 'respond':
      answer.writeHead(fault.status, {
        'content-type': call.service === 's3' ? 'application/xml' : 'application/x-amz-json-1.0',
      })
      answer.end(call.op === 'HEAD' ? undefined : toErrorBody(call, fault.code))
      return
    case 'drop':
      answer.destroy()
      return
    case 'reset':
      answer.socket?.resetAndDestroy()
      return
    case 'halfClose':
      answer.socket?.end()
      return
    case 'stall':
  }
}

function toErrorBody({ service }: Call, code: string): string {
  if (service === 'sqs') return JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: 'a fault of the test' })
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>a fault of the test</Message></Error>`
}

/** What was sent has arrived by then: a reset takes with it what the other end has not read yet. */
const ARRIVAL_MS = 200

async function spoil(fault: Afterwards, answer: ServerResponse, { status, headers, body }: Reply): Promise<void> {
  if (fault.do === 'stallReply') return
  if (!('afterBytes' in fault)) return void answer.destroy()
  answer.writeHead(status, toHeaders(headers))
  answer.write(body.subarray(0, fault.afterBytes))
  await sleep(ARRIVAL_MS)
  if (fault.do === 'truncate') answer.destroy()
  if (fault.do === 'resetBody') answer.socket?.resetAndDestroy()
}
