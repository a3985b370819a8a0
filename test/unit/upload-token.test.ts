import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { createUploadSecret } from '../../daemon/http/uploads/secret.ts'
import { openToken, sealToken, type UploadGrant } from '../../daemon/http/uploads/token.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createFakeStorage, transient } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('upload tokens')

const SECRET = 'a secret of at least 32 characters'
const grant: UploadGrant = { key: 'origin_a.mp4', uploadId: 'S3.id/+=~', expiresAt: 1_900_000_000 }
const ann = { id: 'ann' }

test('opens a token for its owner and key, with the whole id of S3', () => {
  for (const owner of [null, ann, { id: 'Zoë 日本' }]) {
    const token = sealToken(SECRET, owner, grant)
    assert.match(token, /^1900000000\.[\w-]{43}\.S3\.id\/\+=~$/)
    assert.equal(openToken(SECRET, owner, { token, key: grant.key }), grant)
  }
})

test('opens no token for another owner, key or secret', () => {
  const token = sealToken(SECRET, ann, grant)
  for (const owner of [null, { id: 'bob' }, { id: 'ann ' }, { id: '' }])
    assert.is(openToken(SECRET, owner, { token, key: grant.key }), null)
  for (const key of ['origin_b.mp4', '', 'origin_a.mp4 ']) assert.is(openToken(SECRET, ann, { token, key }), null)
  assert.is(openToken(`${SECRET}!`, ann, { token, key: grant.key }), null)
  const open = sealToken(SECRET, null, grant)
  assert.is(openToken(SECRET, ann, { token: open, key: grant.key }), null)
})

test('opens no token that was changed in any character', () => {
  const token = sealToken(SECRET, ann, grant)
  for (const [index, character] of [...token].entries()) {
    for (const other of ['', 'A', '1', '.'].filter((one) => one !== character)) {
      const changed = token.slice(0, index) + other + token.slice(index + 1)
      assert.is(openToken(SECRET, ann, { token: changed, key: grant.key }), null, changed)
    }
  }
})

test('opens no text that is not a token, and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^\d{1,12}\.[\w-]{43}\..+$/)), (token) => {
      assert.is(openToken(SECRET, ann, { token, key: grant.key }), null)
    }),
  )
})

const mac = (id: string, key: string, uploadId: string) =>
  sealToken(SECRET, { id }, { key, uploadId, expiresAt: 1 }).split('.')[1]

test('tokens of different fields differ, wherever one ends and the next begins', () => {
  assert.is(new Set([mac('a', 'bc', 'd'), mac('ab', 'c', 'd'), mac('a', 'b', 'cd'), mac('a1:', 'b', 'cd')]).size, 4)
})

const config = (secret?: string) => ({
  state: { prefix: '.mediad/' },
  http: { uploads: { ...(secret !== undefined && { secret }) } },
})

test('daemons generate one secret in the bucket, and a new daemon reads it', async () => {
  const storage = createFakeStorage()
  const readers = Array.from({ length: 4 }, () => createUploadSecret({ storage, config: config() }))
  const secrets = await Promise.all([...readers, ...readers].map((read) => read()))
  assert.is(new Set(secrets).size, 1)
  assert.match(secrets[0] ?? '', /^[\w-]{43}$/)
  assert.equal([...storage.objects.keys()], ['.mediad/secrets/uploads'])
  assert.is(await createUploadSecret({ storage, config: config() })(), secrets[0])
})

test('a secret in the config is used without a request', async () => {
  const storage = createFakeStorage()
  assert.is(await createUploadSecret({ storage, config: config(SECRET) })(), SECRET)
  assert.equal(storage.calls, [])
})

test('reads the secret once an hour, and restores one that was deleted', async () => {
  let now = 0
  const storage = createFakeStorage()
  const read = createUploadSecret({ storage, config: config(), now: () => now })
  const secret = await read()
  const calls = storage.calls.length
  assert.is(await read(), secret)
  assert.is(storage.calls.length, calls)
  storage.objects.clear()
  now += 3600_000
  assert.is(await read(), secret)
  assert.is(await createUploadSecret({ storage, config: config() })(), secret)
})

test('an error of S3 is reported once, and not remembered; a known secret outlives it', async () => {
  let [now, isDown] = [0, true]
  const storage = createFakeStorage()
  const readText: typeof storage.readText = async (...args) => {
    if (isDown) throw transient()
    return storage.readText(...args)
  }
  const read = createUploadSecret({ storage: { ...storage, readText }, config: config(), now: () => now })
  const error = await read().catch((thrown: unknown) => thrown)
  assert.ok(error instanceof MediadError && error.code === 'transient.storage')
  isDown = false
  const secret = await read()
  isDown = true
  now += 3600_000
  assert.is(await read(), secret)
})

test('rejects an object that is not a secret', async () => {
  for (const text of ['', '{}', '{"secret":"short"}', '[]']) {
    const storage = createFakeStorage()
    await storage.writeText('.mediad/secrets/uploads', text, { expected: null })
    const error = await createUploadSecret({ storage, config: config() })().catch((thrown: unknown) => thrown)
    assert.ok(error instanceof MediadError && error.code === 'internal.document', text)
  }
})
