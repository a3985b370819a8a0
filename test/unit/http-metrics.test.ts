import * as assert from 'uvu/assert'
import { createApp } from '../../daemon/http/app.ts'
import { metricsRoute } from '../../daemon/http/routes.ts'
import { startServer } from '../../daemon/http/server.ts'
import { assertProblem, makeConfig, request, startEdge } from '../helpers/edge.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { rejection } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http metrics')

const accepted: string[] = []
const render = async (accept: string) => {
  accepted.push(accept)
  return { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'a_total 1\n' }
}

test('the endpoint serves metrics with their content type, when it is given some', async () => {
  await using edge = await startEdge({ metrics: render })
  const response = await fetch(`${edge.url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })
  assert.is(await response.text(), 'a_total 1\n')
  assert.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.is(response.headers.get('cache-control'), 'no-store')
  assert.equal(accepted, ['application/openmetrics-text'])
  assertProblem(await request(`${edge.url}/metrics`, { method: 'POST' }), 405, /GET, HEAD/)
  await using other = await startEdge()
  assertProblem(await request(`${other.url}/metrics`), 404)
})

test('an error of the metrics is a problem document without details', async () => {
  await using edge = await startEdge({ metrics: () => Promise.reject(new Error('secret')) })
  assertProblem(await request(`${edge.url}/metrics`), 500)
  assert.match(edge.logged(), 'secret')
})

test('a port for metrics serves nothing else, and an error names its option', async () => {
  const logged: LoggedLine[] = []
  const log = createTestLog(logged)
  const app = createApp({ routes: [metricsRoute(render)], http: makeConfig().http, log })
  const server = await startServer({ app, host: '127.0.0.1', port: 0, section: 'metrics', log })
  try {
    assert.is((await fetch(`${server.url}/metrics`)).status, 200)
    for (const path of ['/health', '/video/pre-signed-url', '/']) assertProblem(await request(server.url + path), 404)
    assert.equal(
      logged.filter(({ event }) => event?.endsWith('.listening')).map(({ event, url }) => [event, url]),
      [['metrics.listening', server.url]],
    )
    const busy = await rejection(startServer({ app, host: '127.0.0.1', port: server.port, section: 'metrics', log }))
    assert.match(busy.message, /is in use; .* choose another port with metrics\.port \(host/)
  } finally {
    await server.close()
  }
})
