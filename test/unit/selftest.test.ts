import { S3ServiceException } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { checkConditionalWrites } from '../../daemon/storage/selftest.ts'
import { toStorageError } from '../../daemon/storage/storage.ts'
import { createFakeStorage, rejection, transient, type FakeStorage, type WriteScript } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const check = (storage: FakeStorage) => checkConditionalWrites(storage, { bucket: 'media', prefix: '.mediad/' })

/** A write of a store that ignores conditions. */
function ignoreCondition(storage: FakeStorage): WriteScript {
  return (_, { key, text }) => ({ etag: storage.put(key, text) })
}
const conform: WriteScript = (perform) => perform()

function httpError(status: number): MediadError {
  const cause = new S3ServiceException({ name: 'X', $fault: 'client', $metadata: { httpStatusCode: status } })
  return new MediadError('transient.storage', `HTTP ${status}`, { cause })
}

const test = suite('selftest')

test('accepts a store that honours conditions, and removes the test object', async () => {
  const storage = createFakeStorage()
  await check(storage)
  assert.is(storage.objects.size, 0)
  const [first] = storage.calls
  assert.match(first ?? '', /^write \.mediad\/selftest\/[0-9a-f-]{36}\.json$/)
  assert.is(storage.calls.filter((call) => call.startsWith('write')).length, 3)
})

test('concurrent checks use different objects, so daemons can start together', async () => {
  const storage = createFakeStorage()
  await Promise.all([check(storage), check(storage), check(storage)])
  const written = storage.calls.filter((call) => call.startsWith('write'))
  assert.is(new Set(written).size, 3)
})

const faultyStores: Record<string, { message: RegExp; scripts: (storage: FakeStorage) => WriteScript[] }> = {
  'all conditions': {
    message: /If-None-Match/,
    scripts: (storage) => Array.from({ length: 3 }, () => ignoreCondition(storage)),
  },
  'If-None-Match': { message: /If-None-Match/, scripts: (storage) => [conform, ignoreCondition(storage), conform] },
  'If-Match': { message: /If-Match/, scripts: (storage) => [conform, conform, ignoreCondition(storage)] },
  'its own refusals': {
    message: /a write that it refused/,
    scripts: (storage) => [
      conform,
      (_, { key, text }) => {
        storage.put(key, text)
        return 'refused'
      },
    ],
  },
}

for (const [name, { message, scripts }] of Object.entries(faultyStores)) {
  test(`rejects a store that ignores ${name}, and removes the test object`, async () => {
    const storage = createFakeStorage()
    storage.writes.push(...scripts(storage))
    const error = await rejection(check(storage))
    assert.is(error.code, 'config.storage')
    assert.match(error.message, /bucket "media".*conditional writes.*run twice/)
    assert.match(error.message, message)
    assert.is(storage.objects.size, 0)
  })
}

test('rejects a store that refuses to create a new object', async () => {
  const storage = createFakeStorage()
  storage.writes.push(() => 'refused')
  assert.is((await rejection(check(storage))).code, 'config.storage')
})

test('accepts the store when the response to the first write was lost', async () => {
  const storage = createFakeStorage()
  storage.writes.push((perform) => {
    perform()
    return 'refused' // the SDK repeated the request
  })
  await check(storage)
  assert.is(storage.objects.size, 0)
})

for (const status of [401, 403]) {
  test(`reports a ${status} as a configuration error`, async () => {
    const storage = createFakeStorage()
    storage.writes.push(() => {
      throw toStorageError('write the object', httpError(status).cause)
    })
    const error = await rejection(check(storage))
    assert.is(error.code, 'config.storage')
    assert.match(error.message, /bucket "media": access denied.*credentials/)
  })
}

test('passes on transient errors, and errors that are already classified', async () => {
  for (const failure of [transient(), httpError(503), new MediadError('config.storage', 'no bucket')]) {
    const storage = createFakeStorage()
    storage.writes.push(() => {
      throw failure
    })
    assert.is(await rejection(check(storage)), failure)
  }
})
