import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Artifact, UploadOptions } from '../../daemon/vocabulary/plugin.ts'
import { createPublish } from '../../daemon/pipeline/publish.ts'
import type { WriteOutcome } from '../../daemon/storage/storage.ts'
import type { UploadRequest } from '../../daemon/storage/upload.ts'
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

/** The publisher of claim 3, and a bucket with `there` under the key. `calls` has what was done, in order. */
function prepare(there?: Record<string, string>) {
  const storage = createFakeStorage()
  const { calls, objects } = storage
  const requests: UploadRequest[] = []
  const scripts: Script[] = []
  const refusals: Record<'assertHeld' | 'confirm', Error | null> = { assertHeld: null, confirm: null }
  const before = there && storage.put(KEY, 'old', there)
  const check = (what: 'assertHeld' | 'confirm') => {
    if (what === 'confirm') calls.push('confirm')
    if (refusals[what]) throw refusals[what]
  }
  const lease = { assertHeld: () => check('assertHeld'), confirm: async () => check('confirm') }
  const upload = async (request: UploadRequest): Promise<WriteOutcome> => {
    const { key, expected, metadata } = request
    requests.push(request)
    calls.push(`upload ${key}`)
    const perform = () =>
      (objects.get(key)?.etag ?? null) === expected ? { etag: storage.put(key, 'new', { ...metadata }) } : 'refused'
    return scripts.shift()?.(perform) ?? perform()
  }
  const aborted: string[] = []
  const abortStaleUploads = async (key: string) => void aborted.push(key)
  const publish = createPublish({ storage, upload, abortStaleUploads })
  const signal = new AbortController().signal
  const run = (options: UploadOptions = {}, claim = 3) =>
    publish(artifact, options, { jobId: JOB, claim, lease, signal })
  return { run, aborted, storage, objects, calls, requests, scripts, refusals, before }
}

const own = (claim: number) => ({ 'mediad-job': JOB, 'mediad-claim': String(claim), 'mediad-upload': 'earlier' })
const foreign = { 'mediad-job': 'f'.repeat(32), 'mediad-claim': '1' }
const lost = new MediadError('lease.lost', 'lost')
/** The SDK repeats a PUT whose reply was lost, and then tells the winner 412. */
const refuseWinner: Script = (perform) => {
  perform()
  return 'refused'
}

const test = suite('publish')

test('nothing is there: created, with job and claim on it', async () => {
  const { run, objects, requests, calls } = prepare()
  const output = await run()
  const { path: _, key, kind, contentType, sizeBytes, seconds, media } = artifact
  assert.equal(output, { key, kind, contentType, sizeBytes, seconds, media, etag: objects.get(KEY)?.etag })
  const [request] = requests
  assert.equal([request?.path, request?.contentType, request?.expected], [artifact.path, 'video/mp4', null])
  assert.equal([request?.metadata['mediad-job'], request?.metadata['mediad-claim']], [JOB, '3'])
  assert.equal(calls, [`head ${KEY}`, `upload ${KEY}`])
})

for (const claim of [1, 2]) {
  test(`an object of our claim ${claim}: exactly that version is replaced`, async () => {
    const { run, requests, calls, before, objects } = prepare(own(claim))
    await run()
    assert.is(requests[0]?.expected, before)
    assert.is(objects.get(KEY)?.text, 'new')
    assert.not.ok(calls.includes('confirm'))
  })
}

for (const [name, metadata] of Object.entries({ 'another job': foreign, 'nobody we know': {} })) {
  test(`an object of ${name} is not overwritten`, async () => {
    const { run, requests, objects } = prepare(metadata)
    const error = await rejection(run())
    assert.equal([error.code, error.verdict], ['output.exists', 'reject'])
    assert.match(error.message, /cvted_a\.mp4.*overwrite: 'always'/)
    assert.equal([requests.length, objects.get(KEY)?.text], [0, 'old'])
  })

  test(`an object of ${name} is overwritten where that is asked for, under a condition all the same`, async () => {
    const { run, requests, before, objects } = prepare(metadata)
    await run({ overwrite: 'always' })
    assert.equal([requests[0]?.expected, objects.get(KEY)?.text], [before, 'new'])
  })
}

for (const overwrite of ['own', 'always'] as const) {
  for (const claim of [3, 4]) {
    test(`an object of claim ${claim}, and ours is 3: S3 is asked whose the job is (${overwrite})`, async () => {
      const { run, calls, objects } = prepare(own(claim))
      await run({ overwrite })
      assert.equal(calls, [`head ${KEY}`, 'confirm', `upload ${KEY}`])
      assert.is(objects.get(KEY)?.text, 'new')
    })
  }

  test(`an object of a later claim, and the job is lost: nothing is written (${overwrite})`, async () => {
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

test('a lease that is not held: S3 is not even asked', async () => {
  const { run, calls, refusals } = prepare()
  refusals.assertHeld = lost
  assert.is(await rejection(run()), lost)
  assert.equal(calls, [])
})

test('a lease that is lost while S3 is asked: nothing is written', async () => {
  const { run, storage, requests, refusals } = prepare()
  const head = storage.head
  storage.head = async (key) => {
    refusals.assertHeld = lost
    return head(key)
  }
  assert.is(await rejection(run()), lost)
  assert.is(requests.length, 0)
})

test('an upload whose reply was lost is recognised, and not sent again', async () => {
  for (const there of [undefined, own(1)]) {
    const { run, scripts, objects, requests } = prepare(there)
    scripts.push(refuseWinner)
    assert.is((await run()).etag, objects.get(KEY)?.etag)
    assert.is(requests.length, 1)
  }
})

test('every upload has a mark of its own', async () => {
  const marks = await Promise.all(
    [1, 2].map(async () => {
      const { run, requests } = prepare()
      await run()
      return requests[0]?.metadata['mediad-upload']
    }),
  )
  assert.is(new Set(marks).size, 2)
})

test('refused by a race, or 409: looked at again, then written over what is there now', async () => {
  const { run, scripts, requests, storage, objects } = prepare(own(1))
  let between = ''
  scripts.push(
    () => 'unsettled',
    (perform) => {
      between = storage.put(KEY, 'frozen', own(2))
      return perform()
    },
  )
  await run()
  assert.equal([requests.length, requests[2]?.expected, objects.get(KEY)?.text], [3, between, 'new'])
})

test('refused because somebody else was faster: his object stays', async () => {
  const { run, scripts, storage, objects } = prepare()
  scripts.push((perform) => {
    storage.put(KEY, 'theirs', foreign)
    return perform()
  })
  assert.is((await rejection(run())).code, 'output.exists')
  assert.is(objects.get(KEY)?.text, 'theirs')
})

test('a race that never ends is given up, to be tried again later', async () => {
  const { run, scripts, requests } = prepare()
  scripts.push(...Array.from({ length: 99 }, () => () => 'unsettled' as const))
  const error = await rejection(run())
  assert.equal([error.code, error.verdict], ['internal.output', 'retry'])
  assert.ok(requests.length >= 3 && requests.length <= 20)
})

test('what S3 fails of is thrown as it is', async () => {
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

test('a few seconds without S3 cost no attempt', async () => {
  const { run, scripts, requests } = prepare()
  scripts.push(fail, fail)
  assert.ok(await run())
  assert.is(requests.length, 3)
})

test('what a try that failed may have left open is ended before the next', async () => {
  const { run, scripts, aborted } = prepare()
  scripts.push(fail, fail)
  await run({}, 1)
  assert.equal(aborted, [artifact.key, artifact.key])
})

test('uploads that earlier claims left open are ended; a first claim has none', async () => {
  const { run, aborted } = prepare()
  await run({}, 1)
  assert.equal(aborted, [])
  await run({ overwrite: 'always' }, 2)
  assert.equal(aborted, [artifact.key])
})
