import { cp, mkdir, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { assertProblem, makeConfig, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('page over HTTP')

/** Writes a bundle as the build does, without building one. */
async function makeBundle(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await temporaryFolder()
  const path = `${folder.path}/page`
  await mkdir(path)
  const file = { name: 'main-A1.js', contentType: 'text/javascript; charset=utf-8', encodings: ['gz'] }
  const style = { name: 'style-B2.css', contentType: 'text/css; charset=utf-8', encodings: [] }
  await writeFile(`${path}/bundle.json`, JSON.stringify({ script: file.name, style: style.name, files: [file, style] }))
  await writeFile(`${path}/main-A1.js`, 'console.log(1)')
  await writeFile(`${path}/main-A1.js.gz`, gzipSync('console.log(1)'))
  await writeFile(`${path}/style-B2.css`, 'body{}')
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

test('serves the page with a policy that allows its own scripts and the bucket, and no inline script', async () => {
  await using bundle = await makeBundle()
  await using edge = await startEdge({ pageFolder: bundle.path })
  const response = await fetch(`${edge.url}/`)
  assert.is(response.status, 200)
  assert.is(response.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.is(response.headers.get('cache-control'), 'no-cache')
  assert.is(response.headers.get('x-content-type-options'), 'nosniff')
  assert.is(response.headers.get('cross-origin-opener-policy'), 'same-origin')
  const policy = Object.fromEntries(
    (response.headers.get('content-security-policy') ?? '').split('; ').map((line) => {
      const [name = '', ...values] = line.split(' ')
      return [name, values.join(' ')]
    }),
  )
  assert.is(policy['default-src'], "'none'")
  assert.is(policy['script-src'], "'self'")
  assert.is(policy['frame-ancestors'], "'none'")
  for (const name of ['connect-src', 'img-src', 'media-src']) assert.match(policy[name] ?? '', /'self'.* http:\/\/s3$/)
  const html = await response.text()
  assert.match(html, /<script type="module" src="page\/main-A1.js">/)
  assert.match(html, /<link rel="stylesheet" href="page\/style-B2.css">/)
})

test('responds 304 to a browser that has the page', async () => {
  await using bundle = await makeBundle()
  await using edge = await startEdge({ pageFolder: bundle.path })
  const etag = (await fetch(`${edge.url}/`)).headers.get('etag') ?? ''
  const response = await fetch(`${edge.url}/`, { headers: { 'if-none-match': etag } })
  assert.is(response.status, 304)
  assert.is(response.headers.get('etag'), etag)
  const other = await fetch(`${edge.url}/`, { headers: { 'if-none-match': '"other"' } })
  assert.is(other.status, 200)
})

test('serves the files of the bundle for good, compressed if the client accepts it, and no others', async () => {
  await using bundle = await makeBundle()
  await using edge = await startEdge({ pageFolder: bundle.path })
  const get = (name: string, encoding: string) =>
    fetch(`${edge.url}/page/${name}`, { headers: { 'accept-encoding': encoding } })
  for (const [encoding, coding] of [
    ['gzip, br', 'gzip'],
    ['br', null],
    ['gzip;q=0', null],
    ['identity', null],
  ] as const) {
    const response = await get('main-A1.js', encoding)
    assert.is(response.headers.get('content-encoding'), coding, encoding)
    assert.is(response.headers.get('vary'), 'accept-encoding')
    assert.is(response.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.is(response.headers.get('content-type'), 'text/javascript; charset=utf-8')
    assert.is(await response.text(), 'console.log(1)')
  }
  for (const name of ['bundle.json', 'main-A1.js.gz', 'other.js', '..%2fbundle.json', '__proto__'])
    assertProblem(await request(`${edge.url}/page/${name}`), 404)
})

test('tells how to build a page that is not built, and serves it once it is', async () => {
  await using bundle = await makeBundle()
  await using folder = await temporaryFolder()
  const pageFolder = `${folder.path}/page`
  await using edge = await startEdge({ pageFolder })
  const missing = await fetch(`${edge.url}/`)
  assert.is(missing.status, 404)
  assert.match(await missing.text(), /npm run build:page/)
  assert.match(missing.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  await cp(bundle.path, pageFolder, { recursive: true })
  assert.is((await fetch(`${edge.url}/`)).status, 200)
})

test('is off with http.page: false', async () => {
  await using bundle = await makeBundle()
  await using edge = await startEdge({ pageFolder: bundle.path, config: makeConfig({ http: { page: false } }) })
  for (const path of ['/', '/page/main-A1.js']) assertProblem(await request(edge.url + path), 404)
})
