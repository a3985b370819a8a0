import type { EventHandler } from 'h3'
import { z } from 'zod'
import { respondJson } from '../respond.ts'
import type { Operation } from '../route.ts'

/** The state of the daemon's external dependencies, in words that can be shown to anyone. */
export type Readiness = { ready: boolean; checks: Record<string, string> }

/** `GET /health`: shows that the process is alive and its event loop runs. It checks no dependency. */
export function healthHandler(): EventHandler {
  return () => respondJson({ status: 'ok' })
}

/** `GET /ready`: 200 if all dependencies are available, else 503, with the state of each. */
export function readyHandler({ isReady }: { isReady: () => Promise<Readiness> }): EventHandler {
  let running: Promise<Readiness> | undefined
  return async () => {
    // requests at the same time share one check, because everyone can send them and each costs requests to S3 and SQS
    const { ready, checks } = await (running ??= isReady().finally(() => (running = undefined)))
    return respondJson({ status: ready ? 'ready' : 'unavailable', checks }, ready ? 200 : 503)
  }
}

export const getHealth: Operation = {
  id: 'getHealth',
  summary: 'Check that the process is alive',
  responses: { 200: { description: 'It is alive.', schema: z.object({ status: z.literal('ok') }) } },
}

const checks = z
  .record(z.string(), z.string())
  .meta({ description: '`ok`, or what is wrong, for the bucket, each queue and polling.' })

export const getReadiness: Operation = {
  id: 'getReadiness',
  summary: 'Check that the bucket and the queues can be reached',
  responses: {
    200: { description: 'They can be reached.', schema: z.object({ status: z.literal('ready'), checks }) },
    503: { description: 'A check failed.', schema: z.object({ status: z.literal('unavailable'), checks }) },
  },
}
