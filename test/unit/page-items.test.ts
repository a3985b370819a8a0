/** What the page says about uploads and jobs. */
import * as assert from 'uvu/assert'
import type { Job } from '../../daemon/client/index.ts'
import { toItems } from '../../daemon/page/jobs/items.ts'
import { toPresentation, toTitle } from '../../daemon/page/jobs/job.ts'
import type { PageUpload } from '../../daemon/page/upload/upload.ts'
import { createSpeed } from '../../daemon/page/upload/speed.ts'
import { renderAge, renderBytes, renderDuration, renderTimeLeft } from '../../daemon/page/words.ts'
import { toPublic } from '../../daemon/http/jobs/public.ts'
import { makeDocument } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('items of the page')

const upload: PageUpload = {
  id: 'u1',
  name: 'holiday.mp4',
  sizeBytes: 2_000_000,
  sentBytes: 500_000,
  state: 'uploading',
  problem: null,
  willRetry: false,
  secondsLeft: 30,
  key: null,
}

const makeJob = (change: Partial<Job>): Job => ({ ...(toPublic(makeDocument('a'.repeat(32))) as Job), ...change })

const statusOf = (change: Partial<PageUpload>) =>
  toItems({ uploads: [{ ...upload, ...change }], jobs: new Map(), listed: [] }).own[0]?.status

test('renders sizes, durations, ages and the time left', () => {
  assert.equal([0, 999, 1234, 12_345_678, 200_000_000, 5e12].map(renderBytes), [
    '0 bytes',
    '999 bytes',
    '1.2 KB',
    '12.3 MB',
    '200 MB',
    '5.0 TB',
  ])
  assert.equal([0, 7.4, 62, 3723].map(renderDuration), ['0:00', '0:07', '1:02', '1:02:03'])
  assert.equal([3, 21, 58, 150, 3600, 9000].map(renderTimeLeft), [
    'a few seconds left',
    '25 seconds left',
    'about a minute left',
    'about 3 minutes left',
    'about an hour left',
    'about 3 hours left',
  ])
  const now = new Date('2026-03-10T12:00:00Z')
  const ages = ['2026-03-10T11:59:40Z', '2026-03-10T11:15:00Z', '2026-03-09T11:00:00Z', '2025-12-24T00:00:00Z']
  assert.equal(
    ages.map((at) => renderAge(new Date(at), now)),
    ['just now', '45 minutes ago', 'yesterday', '2025-12-24'],
  )
})

type Failures = { explainFailure(error: Error): { text: string; remedy: string } }
type Requests = { EndpointError: new (message: string, status: number | null) => Error }

/** Imports a module that uses the types of a browser, which this folder does not have. */
const load = async <T>(file: string): Promise<T> => (await import(`../../daemon/page/${file}`)) as T

test('explains a file of a type that is not accepted without the names of fields', async () => {
  // the module reads the address of the page
  Object.assign(globalThis, { document: { baseURI: 'http://localhost:3000/' } })
  try {
    const { explainFailure } = await load<Failures>('upload/failure.ts')
    const { EndpointError } = await load<Requests>('requests.ts')
    const error = new EndpointError('contentType: must be video/* or audio/*', 415)
    assert.equal(explainFailure(error), { text: 'The server does not accept files of this type.', remedy: 'none' })
    const other = new EndpointError('The server cannot be reached.', null)
    assert.equal(explainFailure(other), { text: 'The server cannot be reached.', remedy: 'again' })
  } finally {
    Reflect.deleteProperty(globalThis, 'document')
  }
})

test('describes an upload in every state', () => {
  const sent = '500 KB of 2.0 MB'
  assert.is(statusOf({})?.text, `Uploading 25 % · ${sent} · 30 seconds left`)
  assert.is(statusOf({ secondsLeft: null })?.text, `Uploading 25 % · ${sent}`)
  assert.is(statusOf({ state: 'paused' })?.text, `Paused at 25 % · ${sent}`)
  const failed = statusOf({ state: 'failed', problem: 'The storage cannot be reached.' })
  assert.equal(
    [failed?.tone, failed?.text, failed?.problem],
    ['bad', 'Upload failed', 'The storage cannot be reached.'],
  )
  assert.is(statusOf({ state: 'failed', willRetry: true })?.text, 'Upload interrupted · trying again soon')
  assert.is(statusOf({ state: 'cancelled' })?.isRunning, false)
  assert.is(statusOf({ state: 'sent' })?.text, 'Uploaded · waiting for processing')
})

test('keeps one item for an upload that becomes a job, and lists the other jobs', () => {
  const jobs = new Map(
    ['origin_a.mp4', 'origin_b.mp4'].map((key) => [key, makeJob({ state: 'processing', source: { key } })] as const),
  )
  const uploads = [{ ...upload, state: 'sent' as const, key: 'origin_a.mp4' }]
  const { own, recent } = toItems({ uploads, jobs, listed: ['origin_a.mp4', 'origin_b.mp4'] })
  assert.equal([own[0]?.id, own[0]?.title, own[0]?.status.text], ['u1', 'holiday.mp4', 'Processing 40 % · transcode'])
  assert.equal(
    recent.map(({ id }) => id),
    ['origin_b.mp4'],
  )
})

test('gives the reason of a job that failed, in words', () => {
  const error = { code: 'input.not_media', message: 'not a media file' }
  const show = (state: Job['state']) => {
    const job = makeJob({ state, error, attempt: 2 })
    return toItems({ uploads: [], jobs: new Map([[job.source.key, job]]), listed: [job.source.key] }).recent[0]?.status
  }
  assert.equal([show('dead')?.text, show('dead')?.problem], ['Processing failed', 'not a media file'])
  assert.equal([show('failed')?.text, show('failed')?.tone], ['Attempt 2 failed · trying again', 'warn'])
})

test('names a source without its prefix, folder and random part', () => {
  const uuid = '59dd441a-0994-4714-a2f8-db1730600666'
  assert.is(toTitle(`origin_${uuid}-My-video.mp4`), 'My-video.mp4')
  assert.is(toTitle(`in/2026/${uuid}.mp4`), 'Untitled.mp4')
  assert.is(toTitle('in/holiday.mp4'), 'holiday.mp4')
})

test('plays a presentation rather than a file, and no rendition or thumbnail', () => {
  const output = { sizeBytes: 1, etag: 'e', seconds: 1 }
  const outputs = [
    { ...output, key: 'h264-720p.mp4', kind: 'rendition', contentType: 'video/mp4' },
    { ...output, key: 'master.m3u8', kind: 'master', contentType: 'application/vnd.apple.mpegurl' },
    { ...output, key: 'thumb.jpg', kind: 'thumbnail', contentType: 'image/jpeg' },
    { ...output, key: 'board.jpg', kind: 'storyboard-image', contentType: 'image/jpeg' },
    { ...output, key: 'board.vtt', kind: 'storyboard', contentType: 'text/vtt' },
  ]
  const { playlist, file, poster, storyboard } = toPresentation(makeJob({ outputs }))
  assert.equal([playlist?.key, poster?.key, storyboard?.key], ['master.m3u8', 'thumb.jpg', 'board.vtt'])
  assert.is(file?.contentType, 'image/jpeg')
  const mp4 = { ...output, key: 'cvted.mp4', kind: 'video', contentType: 'video/mp4' }
  assert.is(toPresentation(makeJob({ outputs: [...outputs, mp4] })).file?.key, 'cvted.mp4')
})

test('estimates the speed of an upload over the last seconds', () => {
  let now = 0
  const speed = createSpeed(() => now)
  assert.is(speed.read(), null)
  for (const [at, bytes] of [
    [0, 0],
    [1000, 1_000_000],
    [2000, 2_000_000],
  ] as const) {
    now = at
    speed.add(bytes)
  }
  assert.is(speed.read(), 1_000_000)
  now = 20_000
  speed.add(2_100_000)
  assert.is(speed.read(), null)
  speed.add(100) // the upload started over
  assert.is(speed.read(), null)
})
