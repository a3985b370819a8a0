/** The endpoint alone, in a process whose memory `hostile.ts` measures. Its dependencies respond at once. */
import { bearer } from '../../daemon/index.ts'
import { createApp } from '../../daemon/http/app.ts'
import { healthHandler } from '../../daemon/http/monitoring/health.ts'
import { readBody } from '../../daemon/http/body.ts'
import { respondJson } from '../../daemon/http/respond.ts'
import type { HttpRoute } from '../../daemon/http/route.ts'
import { startServer } from '../../daemon/http/server.ts'
import { createLog } from '../../daemon/log/log.ts'
import { z } from '../../daemon/index.ts'
import { makeConfig, testOperation } from '../helpers/edge.ts'

const authorize = bearer({ tokens: { [process.argv[2] ?? '']: 'client' } })
const { http } = makeConfig({ http: { authorize, rateLimit: { uploadsPerMinute: 0, requestsPerMinute: 0 } } })
const log = createLog({ level: 'silent' })
const body = z.object({ filename: z.string().optional() })
const routes: readonly HttpRoute[] = [
  {
    method: 'POST',
    path: '/video/pre-signed-url',
    budget: 'uploads',
    operation: testOperation,
    handler: async (event) => respondJson(await readBody(event, body)),
  },
  { method: 'GET', path: '/health', operation: testOperation, access: 'public', handler: healthHandler() },
]
const server = await startServer({ app: createApp({ routes, http, log }), host: '127.0.0.1', port: 0, log })
process.send?.({ port: server.port })
process.on('message', () => {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  process.send?.({ ...process.memoryUsage(), cpuSeconds: (user + system) / 1e6 })
})
