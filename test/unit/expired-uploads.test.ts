import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { createUploadCleanup } from '../../daemon/schedule/upload-cleanup.ts'
import { createAbortExpiredUploads } from '../../daemon/storage/uploads/expired.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock, turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('expired uploads of clients')

const NOW = Date.parse('2026-01-03T00:00:00Z')
const HOUR = 3600_000
const UUID = '59dd441a-0994-4714-a2f8-db1730600666'

type FakeUpload = { key: string; ageHours: number; partAgeHours?: readonly number[]; isDenied?: boolean }

/** A client with these open uploads; the id of each is its index. Collects the ids that were aborted, and counts requests. */
function createFakeClient(uploads: readonly FakeUpload[], { fail = false } = {}) {
  const aborted: string[] = []
  let requests = 0
  const send = async (command: unknown) => {
    requests++
    if (fail) throw new Error('access denied')
    if (command instanceof ListMultipartUploadsCommand) {
      const { Prefix = '', MaxUploads = 1000, UploadIdMarker = '-1' } = command.input
      const left = uploads
        .map((one, index) => ({ ...one, index }))
        .filter(({ index }) => index > Number(UploadIdMarker))
      const page = left.filter(({ key }) => key.startsWith(Prefix)).slice(0, MaxUploads)
      return {
        IsTruncated: page.length < left.length,
        NextKeyMarker: page.at(-1)?.key,
        NextUploadIdMarker: String(page.at(-1)?.index),
        Uploads: page.map(({ key, ageHours, index }) => ({
          Key: key,
          UploadId: String(index),
          Initiated: new Date(NOW - ageHours * HOUR),
        })),
      }
    }
    if (command instanceof ListPartsCommand) {
      const { partAgeHours = [] } = uploads[Number(command.input.UploadId)] ?? {}
      return { Parts: partAgeHours.map((hours) => ({ LastModified: new Date(NOW - hours * HOUR) })) }
    }
    assert.instance(command, AbortMultipartUploadCommand)
    const id = String((command as AbortMultipartUploadCommand).input.UploadId)
    if (uploads[Number(id)]?.isDenied) throw new Error('access denied')
    aborted.push(id)
    return {}
  }
  const client = { send, config: { systemClockOffset: 0 } } as unknown as S3Client
  return { client, aborted, requests: () => requests }
}

const create = (client: S3Client, options: { batch?: number; pages?: number; lines?: LoggedLine[] } = {}) =>
  createAbortExpiredUploads({
    client,
    bucket: 'media',
    prefix: 'origin_',
    validSeconds: 24 * 3600,
    log: createTestLog(options.lines),
    now: () => NOW,
    ...(options.batch !== undefined && { batch: options.batch }),
    ...(options.pages !== undefined && { pages: options.pages }),
  })

const { signal } = new AbortController()

test('aborts an upload an hour after its expiry, and never one that still receives parts', async () => {
  const { client, aborted } = createFakeClient([
    { key: `origin_${UUID}.mp4`, ageHours: 25.1 },
    { key: `origin_${UUID}-slug.mp4`, ageHours: 48, partAgeHours: [47, 40] },
    { key: `origin_2026/${UUID}.mp4`, ageHours: 24.9 },
    { key: `origin_${UUID}.mov`, ageHours: 1, partAgeHours: [0.1] },
    { key: `origin_${UUID}.mkv`, ageHours: 72, partAgeHours: [71, 0.5] },
    { key: 'origin_by-hand.mp4', ageHours: 100 },
    { key: `origin_${UUID}.webm`, ageHours: 26, partAgeHours: [1.1] },
  ])
  await create(client)(signal)
  assert.equal(aborted, ['0', '1', '6'])
})

test('one run aborts all expired uploads, also when the list has several pages', async () => {
  const uploads = Array.from({ length: 5 }, (_, index) => ({ key: `origin_${index}_${UUID}`, ageHours: 30 }))
  const { client, aborted } = createFakeClient(uploads)
  await create(client, { batch: 2 })(signal)
  assert.equal(aborted, ['0', '1', '2', '3', '4'])
})

test('an upload that cannot be aborted is reported, and does not keep the others', async () => {
  const lines: LoggedLine[] = []
  const { client, aborted } = createFakeClient([
    { key: `origin_1_${UUID}`, ageHours: 30, isDenied: true },
    { key: `origin_2_${UUID}`, ageHours: 30 },
  ])
  await create(client, { lines })(signal)
  assert.equal(aborted, ['1'])
  assert.equal(
    lines.filter(({ level }) => level === 'warn').map(({ event, key }) => [event, key]),
    [['stale_upload.cleanup_failed', `origin_1_${UUID}`]],
  )
})

test('a run is bounded, and the next one continues after it', async () => {
  const uploads = Array.from({ length: 5 }, (_, index) => ({ key: `origin_${index}_${UUID}`, ageHours: 30 }))
  const { client, aborted, requests } = createFakeClient(uploads)
  const run = create(client, { batch: 2, pages: 1 })
  const counts: number[] = []
  for (let times = 0; times < 4; times++) {
    await run(signal)
    counts.push(requests())
  }
  assert.equal(aborted, ['0', '1', '2', '3', '4', '0', '1'])
  assert.equal(counts, [5, 10, 13, 18])
})

test('a failure is logged and does not stop the daemon; a stop is not a failure', async () => {
  const lines: LoggedLine[] = []
  const { client } = createFakeClient([], { fail: true })
  await create(client, { lines })(signal)
  assert.equal(
    lines.map(({ event }) => event),
    ['stale_upload.cleanup_failed'],
  )
  await create(client, { lines })(AbortSignal.abort())
  assert.is(lines.length, 1)
})

test('the cleanup runs once an hour, first after a random part of it, until it is stopped', async () => {
  const clock = createFakeClock()
  const runs: number[] = []
  const abortExpired = async () => void runs.push(clock.now())
  const cleanup = createUploadCleanup({ abortExpired, clock, random: () => 0.1 })
  const startedAt = clock.now()
  cleanup.start()
  for (let hours = 0; hours < 3; hours++) await clock.advance(HOUR)
  assert.equal(
    runs.map((at) => (at - startedAt) / HOUR),
    [0.25, 1.25, 2.25],
  )
  await cleanup.stop()
  assert.is(clock.pending(), 0)
  await turn()
  assert.is(runs.length, 3)
})
