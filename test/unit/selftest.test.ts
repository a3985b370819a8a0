import { S3ServiceException } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { proveConditionalWrites } from '../../daemon/storage/selftest.ts'
import { toStorageError } from '../../daemon/storage/storage.ts'
import { createFakeStorage, rejection, transient, type FakeStorage, type WriteScript } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const prove = (storage: FakeStorage) => proveConditionalWrites(storage, { bucket: 'media', prefix: '.mediad/' })

/** What a store does that does not look at conditions. */
function writeThrough(storage: FakeStorage): WriteScript {
  return (_, { key, text }) => ({ etag: storage.put(key, text) })
}
const obey: WriteScript = (perform) => perform()

function answer(status: number): MediadError {
  const cause = new S3ServiceException({ name: 'X', $fault: 'client', $metadata: { httpStatusCode: status } })
  return new MediadError('transient.storage', `HTTP ${status}`, { cause })
}

const test = suite('selftest')

test('a store that honours conditions passes, and keeps nothing', async () => {
  const storage = createFakeStorage()
  await prove(storage)
  assert.is(storage.objects.size, 0)
  const [first] = storage.calls
  assert.match(first ?? '', /^write \.mediad\/selftest\/[0-9a-f-]{36}\.json$/)
  assert.is(storage.calls.filter((call) => call.startsWith('write')).length, 3)
})

test('every test has an object of its own: daemons may start together', async () => {
  const storage = createFakeStorage()
  await Promise.all([prove(storage), prove(storage), prove(storage)])
  const written = storage.calls.filter((call) => call.startsWith('write'))
  assert.is(new Set(written).size, 3)
})

const liars: Record<string, { says: RegExp; scripts: (storage: FakeStorage) => WriteScript[] }> = {
  'all conditions': {
    says: /If-None-Match/,
    scripts: (storage) => Array.from({ length: 3 }, () => writeThrough(storage)),
  },
  'If-None-Match': { says: /If-None-Match/, scripts: (storage) => [obey, writeThrough(storage), obey] },
  'If-Match': { says: /If-Match/, scripts: (storage) => [obey, obey, writeThrough(storage)] },
  'its own refusals': {
    says: /a write it refused/,
    scripts: (storage) => [
      obey,
      (_, { key, text }) => {
        storage.put(key, text)
        return 'refused'
      },
    ],
  },
}

for (const [name, { says, scripts }] of Object.entries(liars)) {
  test(`a store that ignores ${name} is refused, and nothing stays behind`, async () => {
    const storage = createFakeStorage()
    storage.writes.push(...scripts(storage))
    const error = await rejection(prove(storage))
    assert.is(error.code, 'config.storage')
    assert.match(error.message, /bucket "media".*conditional writes.*done twice/)
    assert.match(error.message, says)
    assert.is(storage.objects.size, 0)
  })
}

test('a store that refuses a first creation is refused', async () => {
  const storage = createFakeStorage()
  storage.writes.push(() => 'refused')
  assert.is((await rejection(prove(storage))).code, 'config.storage')
})

test('a first creation whose reply was lost is no reason to refuse the store', async () => {
  const storage = createFakeStorage()
  storage.writes.push((perform) => {
    perform()
    return 'refused' // the SDK repeated the request
  })
  await prove(storage)
  assert.is(storage.objects.size, 0)
})

for (const status of [401, 403]) {
  test(`${status} is a mistake in the config`, async () => {
    const storage = createFakeStorage()
    storage.writes.push(() => {
      throw toStorageError('write it', answer(status).cause)
    })
    const error = await rejection(prove(storage))
    assert.is(error.code, 'config.storage')
    assert.match(error.message, /bucket "media": access denied.*credentials/)
  })
}

test('what is weather stays weather', async () => {
  for (const failure of [transient(), answer(503), new MediadError('config.storage', 'no bucket')]) {
    const storage = createFakeStorage()
    storage.writes.push(() => {
      throw failure
    })
    assert.is(await rejection(prove(storage)), failure)
  }
})
