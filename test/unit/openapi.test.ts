/** Calls every operation of the description of the API, and validates every response against it. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { request as sendRequest } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { bearer } from '../../daemon/access/bearer.ts'
import { describeApi, type ApiDocument } from '../../daemon/http/openapi/document.ts'
import { createRoutes, type RouteDeps } from '../../daemon/http/routes.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createCalls, deps, TOKEN, type Call } from '../helpers/api-calls.ts'
import { openApi, type Api, type ApiOperation, type Received } from '../helpers/api.ts'
import { makeConfig, makeRouteDeps, startEdge } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('the description of the API')

const http = { outputUrls: true, files: true }
const authorize = bearer({ tokens: { [TOKEN]: 'ann' }, cookie: 'session' })

/** Starts the endpoint, and reads its description. */
async function startDescribed(change: Partial<RouteDeps> = {}) {
  const edge = await startEdge({ config: makeConfig({ http }), ...deps(), ...change })
  const document = (await (await fetch(`${edge.url}/openapi.json`)).json()) as ApiDocument
  return { edge, document, api: openApi(document), [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() }
}

async function send(url: string, operation: ApiOperation, call: Call): Promise<Received> {
  const { path = {}, query = {}, headers = {}, body } = call
  const target = operation.path.replaceAll(/\{(\w+)\}/g, (_, name) => path[name as string] ?? `no-${name}`)
  const response = await fetch(`${url}${target}?${new URLSearchParams(query)}`, {
    method: operation.method.toUpperCase(),
    redirect: 'manual',
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** Sends the header of a request whose body is too large. */
async function sendTooLarge(url: string, { path, method }: ApiOperation): Promise<Received> {
  const { promise, resolve, reject } = Promise.withResolvers<Received>()
  const headers = { 'content-length': String(2 ** 24) }
  const request = sendRequest(`${url}${path.replaceAll(/[{}]/g, '')}`, {
    method: method.toUpperCase(),
    headers,
    agent: false,
  })
  request.on('error', reject)
  request.on('response', async (response) => {
    const chunks = await response.toArray()
    request
      .off('error', reject)
      .on('error', () => {})
      .destroy()
    const received = new Headers(response.headers as Record<string, string>)
    resolve({ status: response.statusCode ?? 0, headers: received, text: Buffer.concat(chunks).toString() })
  })
  request.flushHeaders()
  return await promise
}

function assertDescribed(api: Api, operation: ApiOperation, received: Received): void {
  assert.is(api.explain(operation, received), null, operation.id)
}

const toCode = ({ text, status }: Received) =>
  status >= 400 ? (JSON.parse(text) as { code?: string }).code : undefined

test('every operation is called, with each of its responses, and responds as described', async () => {
  await using described = await startDescribed()
  const { edge, api } = described
  const calls = await createCalls(edge.url)
  assert.equal(api.operations.map(({ id }) => id).toSorted(), Object.keys(calls).toSorted())
  for (const operation of api.operations) {
    const seen = new Set<string | undefined>()
    for (const call of calls[operation.id] ?? []) {
      const own = call.deps && (await startEdge({ config: makeConfig({ http }), ...deps(), ...call.deps }))
      const received = await send((own ?? edge).url, operation, call)
      await own?.close()
      assert.is(received.status, call.status, `${operation.id}: ${received.text}`)
      assertDescribed(api, operation, received)
      seen.add(received.status < 400 ? String(received.status) : toCode(received))
    }
    const common = new Set([
      'internal',
      'request.cross_site',
      'request.host',
      'request.rate_limited',
      'transient.storage',
    ])
    const successes = Object.keys(operation.responses).filter((status) => status < '400')
    const expected = [...successes, ...api.toCodes(operation).filter((code) => !common.has(code))]
    // a body that is too large is tested below for all of them
    const missing = expected.filter((one) => !seen.has(one) && one !== 'request.too_large')
    assert.equal(missing, [], `responses of ${operation.id} that no call has`)
  }
})

/** Dependencies that all fail. */
function failing(error: Error): Partial<RouteDeps> {
  const fail = async () => {
    throw error
  }
  const multipart = { create: fail, signPart: fail, read: fail, complete: fail, abort: fail, locate: fail }
  const readers = { readJob: fail, findSource: fail, listPage: fail, readUploadSecret: fail, readSmall: fail }
  return { presign: fail, presignPost: fail, presignGet: fail, multipart, isReady: fail, metrics: fail, ...readers }
}

test('the errors that every operation can have are described', async () => {
  await using described = await startDescribed()
  const calls = await createCalls(described.edge.url)
  const down = await startDescribed(failing(new MediadError('transient.storage', 'down')))
  const broken = await startDescribed(failing(new Error('broken')))
  for (const { edge, api } of [described, down, broken])
    for (const operation of api.operations) {
      if (edge === described.edge) {
        const received = await sendTooLarge(edge.url, operation)
        assert.is(received.status, 413, operation.id)
        assertDescribed(api, operation, received)
        continue
      }
      const call = calls[operation.id]?.find(({ status, deps }) => status < 400 && !deps)
      const received = await send(edge.url, operation, call ?? { status: 0 })
      const isIndependent = ['getHealth', 'getOpenApi'].includes(operation.id)
      // the state of the daemon does not depend on the storage: a failure there is an internal error
      if (!isIndependent && edge === down.edge && !operation.isPublic) assert.is(received.status, 503, operation.id)
      if (!isIndependent && edge === broken.edge) assert.is(received.status, 500, operation.id)
      if (received.status !== 503 || !operation.isPublic) assertDescribed(api, operation, received)
    }
  await down.edge.close()
  await broken.edge.close()
})

test('with authorization, the description has its schemes, and requests without a token are described', async () => {
  await using described = await startDescribed({ config: makeConfig({ http: { ...http, authorize } }) })
  const { edge, api, document } = described
  assert.equal(document.components?.securitySchemes, {
    bearer: { type: 'http', scheme: 'bearer' },
    cookie: { type: 'apiKey', in: 'cookie', name: 'session' },
  })
  for (const operation of api.operations) {
    const received = await send(edge.url, operation, { status: 401, headers: { authorization: '' } })
    if (operation.isPublic) assert.is.not(received.status, 401, operation.id)
    else assert.equal([received.status, toCode(received)], [401, 'request.unauthorized'], operation.id)
    assertDescribed(api, operation, received)
  }
})

test('a function of the config decides itself how it refuses', () => {
  const routes = createRoutes(makeRouteDeps({ ...deps(), config: makeConfig({ http }) }))
  const own = describeApi({ routes, http: { authorize: () => new Response(null, { status: 403 }) } })
  const operation = own.paths?.['/videos']?.get
  assert.is(operation?.security, undefined)
  assert.equal(Object.keys(operation?.responses?.['401'] ?? {}), ['description'])
})

test('errors outside of the operations are problems too', async () => {
  await using described = await startDescribed()
  const { edge, api } = described
  for (const [path, method, status] of [
    ['/nothing', 'GET', 404],
    ['/video', 'DELETE', 405],
  ] as const) {
    const response = await fetch(edge.url + path, { method })
    assert.is(response.status, status)
    assert.is(api.explainProblem(await response.text()), null)
  }
})

test.exhaustive('a linter finds no problem', async () => {
  await using folder = await temporaryFolder()
  const routes = createRoutes(makeRouteDeps({ ...deps(), config: makeConfig({ http }) }))
  for (const [name, config] of Object.entries({ open: {}, authorized: { authorize } })) {
    const file = join(folder.path, `${name}.json`)
    await writeFile(file, JSON.stringify(describeApi({ routes, http: config })))
    const cli = join(import.meta.dirname, '../../node_modules/@redocly/cli/bin/cli.js')
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
    const args = [cli, 'lint', file, '--extends=recommended', '--format=json', '--max-problems=100']
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: folder.path }).catch(
      (error: { stdout: string }) => error,
    )
    const { problems } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
      problems: { ruleId: string; message: string; location: { pointer: string }[] }[]
    }
    const lines = problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)
    assert.equal(lines, [])
  }
})
