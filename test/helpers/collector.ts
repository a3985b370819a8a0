import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A span as a collector receives it. */
export type CollectedSpan = {
  name: string
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  /** 1: internal, 5: consumer. */
  kind: number
  attributes: Record<string, string | number>
  /** 2 is an error. */
  status: number
}

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number }
type Attribute = { key: string; value: Value }
type Body = {
  resourceSpans: {
    scopeSpans: {
      spans: (Omit<CollectedSpan, 'attributes' | 'status'> & { attributes: Attribute[]; status: { code?: number } })[]
    }[]
  }[]
}

/** Starts a collector of OpenTelemetry's protocol, OTLP over HTTP with JSON, that keeps the spans it receives. */
export async function startCollector(): Promise<{ url: string; spans: CollectedSpan[] } & AsyncDisposable> {
  const spans: CollectedSpan[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      spans.push(...toSpans(JSON.parse(body) as Body))
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function toSpans({ resourceSpans }: Body): CollectedSpan[] {
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap((scope) => scope.spans)
  return spans.map(({ name, traceId, spanId, parentSpanId, kind, attributes, status }) => ({
    name,
    traceId,
    spanId,
    parentSpanId,
    kind,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, toValue(value)])),
    status: status.code ?? 0,
  }))
}

const toValue = ({ stringValue, intValue, doubleValue }: Value) => stringValue ?? doubleValue ?? Number(intValue)
