/** `http.uploads`: the options, and what they allow. */
import * as assert from 'uvu/assert'
import { toPartBytes, toUploadBounds } from '../../daemon/http/uploads/bounds.ts'
import { toUploadKey } from '../../daemon/http/uploads/key.ts'
import { startUploads } from '../helpers/companion.ts'
import { problemsOf } from '../helpers/config-problems.ts'
import { assertProblem, makeConfig } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const MiB = 1024 ** 2
const GiB = 1024 * MiB
const test = suite('options of uploads')

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

/** Returns the problems of an option of uploads. */
function problemsWith(uploads: object): string[] {
  const { routes: _routes, ...config } = makeConfig()
  return problemsOf({ ...config, http: { uploads } })
}

test('refuses values that would be of no use, or unsafe', () => {
  const cases: [object, RegExp][] = [
    [{ contentTypes: [] }, /contentTypes: must have at least 1 entry/],
    [{ contentTypes: ['mp4'] }, /contentTypes\[0\]: must be a media type/],
    [{ contentTypes: ['*/*'] }, /contentTypes\[0\]: must be a media type/],
    [{ contentTypes: ['Video/MP4'] }, /contentTypes\[0\]: must be a media type in lower case/],
    [{ extensions: ['.mp4'] }, /extensions\[0\]: must be 1 to 8 lower-case letters or digits/],
    [{ extensions: [] }, /extensions: must have at least 1 entry/],
    [{ maxBytes: 0 }, /maxBytes: must be an integer from 1 to 53687091200000/],
    [{ multipartSeconds: 599 }, /multipartSeconds: must be an integer from 600 to 604800/],
    [{ secret: 'short' }, /secret: must have at least 32 characters/],
    [{ key: '{slug}.{ext}' }, /key: must contain \{uuid\}/],
    [{ key: '{uuid}{name}' }, /key: must have no placeholders other than/],
    [{ key: '/{uuid}' }, /key: must have something besides \{slug\} in every segment/],
    [{ key: 'a//{uuid}' }, /every segment/],
    [{ key: '{uuid}/' }, /every segment/],
    [{ key: '../{uuid}' }, /every segment/],
    [{ key: '{slug}/{uuid}' }, /every segment/],
    [{ key: 'ü{uuid}' }, /must consist of placeholders, letters, digits/],
    [{ key: 'a b{uuid}' }, /must consist of placeholders/],
    [{ key: `{uuid}${'a'.repeat(100)}` }, /at most 100 characters/],
    [{ sts: true }, /sts: unknown option/],
  ]
  for (const [uploads, problem] of cases) {
    const problems = problemsWith(uploads)
    assert.is(problems.length, 1, JSON.stringify(uploads))
    assert.match(problems[0] ?? '', problem)
  }
})

test('a key follows the template, below the prefix, and has no empty segment', () => {
  const name = { filename: 'My clip.MOV' }
  const cases: [template: string, named: { filename?: string }, key: RegExp][] = [
    ['{date}/{uuid}_{slug}.{ext}', name, new RegExp(`^in/\\d{4}-\\d\\d-\\d\\d/${UUID}_My-clip\\.mov$`)],
    ['{date}/{uuid}_{slug}.{ext}', { filename: '😀.mov' }, new RegExp(`^in/\\d{4}-\\d\\d-\\d\\d/${UUID}\\.mov$`)],
    ['web/{slug}-{uuid}', name, new RegExp(`^in/web/My-clip-${UUID}$`)],
    ['web/{slug}-{uuid}', {}, new RegExp(`^in/web/-${UUID}$`)],
    ['{uuid}', name, new RegExp(`^in/${UUID}$`)],
  ]
  for (const [key, named, expected] of cases) {
    assert.equal(problemsWith({ key }), [])
    assert.match(toUploadKey('in/', named, { key }), expected)
  }
  assert.match(toUploadKey('in/', { filename: '{uuid}{ext}.mp4' }, {}), new RegExp(`^in/${UUID}-uuid-ext\\.mp4$`))
})

test('with a list of content types, every upload must state one of them', async () => {
  const config = makeConfig({ http: { uploads: { contentTypes: ['video/*', 'audio/mpeg'] } } })
  await using server = await startUploads({ config })
  const post = (body: object) => server.call('POST', '/video/pre-signed-url', { body })
  for (const contentType of ['video/mp4', 'VIDEO/webm;codecs="vp9"', 'audio/mpeg'])
    for (const method of [{}, { method: 'POST' }, { multipart: true }])
      assert.is((await post({ contentType, ...method })).status, 200, contentType)
  for (const contentType of ['audio/mp4', 'image/png', 'application/octet-stream', 'videos/mp4', undefined])
    for (const method of [{}, { method: 'POST' }, { multipart: true }])
      assertProblem(await post({ contentType, ...method }), 415, /^contentType: must be video\/\* or audio\/mpeg$/)
  assertProblem(await server.call('GET', '/s3/params?filename=a.mkv'), 415)
  assertProblem(await server.call('POST', '/s3/multipart', { body: { filename: 'a.mkv' } }), 415)
  assert.is((await server.call('GET', '/s3/params?filename=a.mkv&type=video/x-matroska')).status, 200)
})

test('with a list of extensions, the key of every upload has one of them', async () => {
  const config = makeConfig({ http: { uploads: { extensions: ['mov', 'webm'] } } })
  await using server = await startUploads({ config })
  const post = (body: object) => server.call('POST', '/video/pre-signed-url', { body })
  for (const body of [
    { filename: 'a.MOV' },
    { contentType: 'video/webm' },
    { filename: 'a', contentType: 'video/quicktime' },
  ])
    assert.match(String((await post(body)).body.key), /\.(?:mov|webm)$/)
  for (const body of [
    {},
    { filename: 'a.mp4' },
    { filename: 'a.mov.exe' },
    { filename: 'a', contentType: 'video/mp4' },
  ])
    assertProblem(await post(body), 415, /^filename: the extension must be one of mov, webm$/)
})

test('an old limit bounds every way to upload; a new one can be set for parts', () => {
  const boundsOf = (http: object, sourceBytes = 20 * GiB) => {
    const { singleBytes, multipartBytes, partNumbers } = toUploadBounds(makeConfig({ http, limits: { sourceBytes } }))
    return [singleBytes, multipartBytes, partNumbers]
  }
  assert.equal(boundsOf({}), [5 * GiB, 20 * GiB, 4096])
  assert.equal(boundsOf({}, 5 * MiB + 1), [5 * GiB, 5 * MiB + 1, 2])
  assert.equal(boundsOf({ maxUploadBytes: 100 * MiB }), [100 * MiB, 100 * MiB, 20])
  assert.equal(boundsOf({ maxUploadBytes: 100 * MiB, uploads: { maxBytes: GiB } }), [100 * MiB, GiB, 205])
  assert.equal(boundsOf({ uploads: { maxBytes: GiB } }), [GiB, GiB, 205])
  assert.equal(boundsOf({ uploads: { maxBytes: 5000 * GiB } }, 6000 * GiB), [5 * GiB, 5000 * GiB, 10_000])
})

test('the parts of the largest upload are at most 10,000, and each is a multiple of 1 MiB', () => {
  assert.is(toPartBytes(1), 16 * MiB)
  for (const bytes of [GiB, 156 * GiB, 157 * GiB, 5 * 1024 * GiB, 50_000 * GiB - 1, 50_000 * GiB]) {
    const partBytes = toPartBytes(bytes)
    assert.is(partBytes % MiB, 0)
    assert.ok(Math.ceil(bytes / partBytes) <= 10_000 && partBytes <= 5 * GiB, String(bytes))
  }
})
