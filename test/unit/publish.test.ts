import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Artifact, UploadOptions } from '../../daemon/vocabulary/plugin.ts'
import { createPublish } from '../../daemon/pipeline/publish.ts'
import type { WriteOutcome } from '../../daemon/storage/storage.ts'
import type { FileUpload } from '../../daemon/storage/upload.ts'
import { createFakeStorage, JOB, rejection, transient } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const KEY = 'cvted_a.mp4'
const artifact: Artifact = {
  path: '/workspace/video.mp4',
  kind: 'video',
  key: KEY,
  contentType: 'video/mp4',
  sizeBytes: 9,
  seconds: 1.5,
  media: { codec: 'h264' },
}

type Script = (perform: () => WriteOutcome) => WriteOutcome

/** Creates a publisher for claim 3, and a bucket with an object with this metadata at the key. `calls` lists the calls in order. */
function prepare(existing?: Record<string, string>) {
  const storage = createFakeStorage()
  const { calls, objects } = storage
  const uploads: FileUpload[] = []
  const scripts: Script[] = []
  const refusals: Record<'assertHeld' | 'confirm', Error | null> = { assertHeld: null, confirm: null }
  const before = existing && storage.put(KEY, 'old', existing)
  const check = (what: 'assertHeld' | 'confirm') => {
    if (what === 'confirm') calls.push('confirm')
    if (refusals[what]) throw refusals[what]
  }
  const lease = { assertHeld: () => check('assertHeld'), confirm: async () => check('confirm') }
  const upload = async (file: FileUpload): Promise<WriteOutcome> => {
    const { key, expected, metadata } = file
    uploads.push(file)
    calls.push(`upload ${key}`)
    const perform = () =>
      (objects.get(key)?.etag ?? null) === expected ? { etag: storage.put(key, 'new', { ...metadata }) } : 'refused'
    return scripts.shift()?.(perform) ?? perform()
  }
  const aborted: string[] = []
  const abortStaleUploads = async (key: string) => void aborted.push(key)
  const publish = createPublish({ storage, upload, abortStaleUploads })
  const signal = new AbortController().signal
  const run = (options: UploadOptions = {}, claim = 3, changes: Partial<Artifact> = {}) =>
    publish({ ...artifact, ...changes }, options, { jobId: JOB, claim, lease, signal })
  return { run, aborted, storage, objects, calls, uploads, scripts, refusals, before }
}

const own = (claim: number) => ({ 'mediad-job': JOB, 'mediad-claim': String(claim), 'mediad-upload': 'earlier' })
const foreign = { 'mediad-job': 'f'.repeat(32), 'mediad-claim': '1' }
const lost = new MediadError('lease.lost', 'lost')
/** A successful write that looks refused: the SDK repeated the PUT after its response was lost, and got a 412. */
const refuseOwnWrite: Script = (perform) => {
  perform()
  return 'refused'
}

const test = suite('publish')

test('creates an object with job and claim in its metadata', async () => {
  const { run, objects, uploads, calls } = prepare()
  const output = await run()
  const { path: _, key, kind, contentType, sizeBytes, seconds, media } = artifact
  assert.equal(output, { key, kind, contentType, sizeBytes, seconds, media, etag: objects.get(KEY)?.etag })
  const [upload] = uploads
  assert.equal([upload?.path, upload?.contentType, upload?.expected], [artifact.path, 'video/mp4', null])
  assert.equal([upload?.metadata['mediad-job'], upload?.metadata['mediad-claim']], [JOB, '3'])
  assert.equal(calls, [`head ${KEY}`, `upload ${KEY}`])
})

for (const claim of [1, 2]) {
  test(`replaces exactly the version that claim ${claim} of the job wrote`, async () => {
    const { run, uploads, calls, before, objects } = prepare(own(claim))
    await run()
    assert.is(uploads[0]?.expected, before)
    assert.is(objects.get(KEY)?.text, 'new')
    assert.not.ok(calls.includes('confirm'))
  })
}

for (const [name, metadata] of Object.entries({ 'another job': foreign, 'an unknown writer': {} })) {
  test(`does not overwrite an object of ${name}`, async () => {
    const { run, uploads, objects } = prepare(metadata)
    const error = await rejection(run())
    assert.equal([error.code, error.verdict], ['output.exists', 'reject'])
    assert.match(error.message, /cvted_a\.mp4.*overwrite: 'always'/)
    assert.equal([uploads.length, objects.get(KEY)?.text], [0, 'old'])
  })

  test(`overwrites an object of ${name} with overwrite: 'always', still with a condition`, async () => {
    const { run, uploads, before, objects } = prepare(metadata)
    await run({ overwrite: 'always' })
    assert.equal([uploads[0]?.expected, objects.get(KEY)?.text], [before, 'new'])
  })
}

for (const overwrite of ['own', 'always'] as const) {
  for (const claim of [3, 4]) {
    test(`confirms the lease before claim 3 replaces an object of claim ${claim} (${overwrite})`, async () => {
      const { run, calls, objects } = prepare(own(claim))
      await run({ overwrite })
      assert.equal(calls, [`head ${KEY}`, 'confirm', `upload ${KEY}`])
      assert.is(objects.get(KEY)?.text, 'new')
    })
  }

  test(`does not replace an object of a later claim after the lease was lost (${overwrite})`, async () => {
    const { run, calls, refusals } = prepare(own(4))
    refusals.confirm = lost
    assert.is(await rejection(run({ overwrite })), lost)
    assert.equal(calls, [`head ${KEY}`, 'confirm'])
  })
}

test('claims are compared as numbers', async () => {
  const { run, calls } = prepare(own(10))
  await run()
  assert.ok(calls.includes('confirm'))
})

test('sends no request without the lease', async () => {
  const { run, calls, refusals } = prepare()
  refusals.assertHeld = lost
  assert.is(await rejection(run()), lost)
  assert.equal(calls, [])
})

test('does not write when the lease is lost during the HEAD request', async () => {
  const { run, storage, uploads, refusals } = prepare()
  const head = storage.head
  storage.head = async (key) => {
    refusals.assertHeld = lost
    return head(key)
  }
  assert.is(await rejection(run()), lost)
  assert.is(uploads.length, 0)
})

test('recognises an upload whose response was lost, and does not repeat it', async () => {
  for (const existing of [undefined, own(1)]) {
    const { run, scripts, objects, uploads } = prepare(existing)
    scripts.push(refuseOwnWrite)
    assert.is((await run()).etag, objects.get(KEY)?.etag)
    assert.is(uploads.length, 1)
  }
})

test('every upload has a unique mark', async () => {
  const marks = await Promise.all(
    [1, 2].map(async () => {
      const { run, uploads } = prepare()
      await run()
      return uploads[0]?.metadata['mediad-upload']
    }),
  )
  assert.is(new Set(marks).size, 2)
})

test('after a refusal by a race or a 409: reads the object again, and replaces the current version', async () => {
  const { run, scripts, uploads, storage, objects } = prepare(own(1))
  let current = ''
  scripts.push(
    () => 'unsettled',
    (perform) => {
      current = storage.put(KEY, 'frozen', own(2))
      return perform()
    },
  )
  await run()
  assert.equal([uploads.length, uploads[2]?.expected, objects.get(KEY)?.text], [3, current, 'new'])
})

test('keeps an object that another writer created first', async () => {
  const { run, scripts, storage, objects } = prepare()
  scripts.push((perform) => {
    storage.put(KEY, 'theirs', foreign)
    return perform()
  })
  assert.is((await rejection(run())).code, 'output.exists')
  assert.is(objects.get(KEY)?.text, 'theirs')
})

test('gives up an endless race with a retryable error', async () => {
  const { run, scripts, uploads } = prepare()
  scripts.push(...Array.from({ length: 99 }, () => () => 'unsettled' as const))
  const error = await rejection(run())
  assert.equal([error.code, error.verdict], ['internal.output', 'retry'])
  assert.ok(uploads.length >= 3 && uploads.length <= 20)
})

test('passes on errors of S3', async () => {
  const { run, scripts } = prepare()
  const error = new MediadError('access.denied', 'no')
  scripts.push(() => {
    throw error
  })
  assert.is(await rejection(run()), error)
})

const fail: Script = () => {
  throw transient()
}

test('a few failed requests to S3 do not fail the attempt', async () => {
  const { run, scripts, uploads } = prepare()
  scripts.push(fail, fail)
  assert.ok(await run())
  assert.is(uploads.length, 3)
})

test('aborts the open uploads of a failed try before the next', async () => {
  const { run, scripts, aborted } = prepare()
  scripts.push(fail, fail)
  await run({}, 1)
  assert.equal(aborted, [artifact.key, artifact.key])
})

test('aborts the open uploads of earlier claims, of which a first claim has none', async () => {
  const { run, aborted } = prepare()
  await run({}, 1)
  assert.equal(aborted, [])
  await run({ overwrite: 'always' }, 2)
  assert.equal(aborted, [artifact.key])
})

test('uploads with the Cache-Control of the artifact', async () => {
  const { run, uploads } = prepare()
  await run({}, 3, { cacheControl: 'max-age=31536000, immutable' })
  assert.is(uploads[0]?.cacheControl, 'max-age=31536000, immutable')
})
