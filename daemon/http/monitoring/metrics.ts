import { HTTPResponse, type EventHandler } from 'h3'
import type { Operation } from '../route.ts'

/** Renders metrics in the format that the `accept` header of a request prefers. */
export type RenderMetrics = (accept: string) => Promise<{ readonly contentType: string; readonly body: string }>

/** `GET /metrics`: the metrics of this daemon, for Prometheus. */
export function metricsHandler(render: RenderMetrics): EventHandler {
  return async ({ req }) => {
    const { contentType, body } = await render(req.headers.get('accept') ?? '')
    return new HTTPResponse(body, { headers: { 'content-type': contentType } })
  }
}

export const getMetrics: Operation = {
  id: 'getMetrics',
  summary: 'Read the metrics of this daemon',
  responses: {
    200: {
      description: 'The metrics, in the format that the header `accept` prefers.',
      contentType: ['text/plain', 'application/openmetrics-text'],
    },
  },
}
