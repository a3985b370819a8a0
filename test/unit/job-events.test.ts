import * as assert from 'uvu/assert'
import { toJobEvents } from '../../daemon/http/jobs/stream/events.ts'
import { parseMark, renderMark, toMark } from '../../daemon/http/jobs/stream/mark.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { document } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('job events')

const progress = (percent: number) => ({ plugin: 'transcode', percent, pluginPercent: percent })
const output = (key: string, contentType = 'video/mp4') => ({
  key,
  kind: 'video',
  contentType,
  sizeBytes: 1,
  etag: `etag of ${key}`,
  seconds: 1,
})
const video = output('cvted_a.mp4')
const image = output('thumb_a.jpg', 'image/jpeg')
const master = output('hls_a/master.m3u8', 'application/vnd.apple.mpegurl')
const laterClaim = { claim: 2, timings: { startedAt: '2026-01-02T00:00:00.000Z', endedAt: null, plugins: [] } }
const REDRIVEN = '2026-01-03T00:00:00.000Z'

/** The documents of a job in the order in which they can be written. */
const at: Record<string, JobDocument> = {
  started: document({ rev: 1 }),
  heartbeat: document({ rev: 2 }),
  quarter: document({ rev: 3, progress: progress(25) }),
  half: document({ rev: 4, progress: progress(50) }),
  probed: document({ rev: 5, progress: progress(50), media: { codec: 'h264' } }),
  playable: document({ rev: 6, progress: progress(50), media: { codec: 'h264' }, outputs: [master] }),
  failed: document({ rev: 7, state: 'failed', owner: null }),
  released: document({ rev: 7, state: 'released', owner: null }),
  again: document({ rev: 8, ...laterClaim, attempt: 2 }),
  succeeded: document({ rev: 9, ...laterClaim, state: 'succeeded', owner: null, outputs: [video, image] }),
  image: document({ rev: 9, ...laterClaim, state: 'succeeded', owner: null, outputs: [image] }),
  empty: document({ rev: 9, ...laterClaim, state: 'succeeded', owner: null }),
  dead: document({ rev: 9, ...laterClaim, state: 'dead', owner: null }),
  redriven: document({ rev: 10, ...laterClaim, state: 'dead', owner: null, redrivenAt: REDRIVEN }),
  afterRedrive: document({ rev: 11, ...laterClaim, claim: 3 }),
}

type Row = [before: string | null, after: string | null, events: string]

const rows: Row[] = [
  // what a new client receives
  [null, null, 'queued'],
  [null, 'started', 'started'],
  [null, 'half', 'started'],
  [null, 'playable', 'started playable outputs'],
  [null, 'failed', 'failed'],
  [null, 'released', 'queued'],
  [null, 'succeeded', 'playable outputs succeeded'],
  [null, 'image', 'outputs succeeded'],
  [null, 'empty', 'succeeded'],
  [null, 'dead', 'dead'],
  [null, 'redriven', 'queued'],
  // steps
  ['upload', null, ''],
  ['upload', 'started', 'started'],
  ['started', 'started', ''],
  ['started', 'heartbeat', ''],
  ['heartbeat', 'quarter', 'progress'],
  ['half', 'probed', 'progress'],
  ['probed', 'playable', 'playable outputs'],
  ['playable', 'playable', ''],
  ['half', 'failed', 'failed'],
  ['half', 'released', 'queued'],
  ['failed', 'again', 'started'],
  ['released', 'again', 'started'],
  ['again', 'succeeded', 'playable outputs succeeded'],
  ['again', 'dead', 'dead'],
  ['dead', 'redriven', 'queued'],
  ['redriven', 'afterRedrive', 'started'],
  // steps that were not seen
  ['upload', 'half', 'started'],
  ['upload', 'succeeded', 'playable outputs succeeded'],
  ['started', 'again', 'started'],
  ['playable', 'succeeded', 'playable outputs succeeded'],
  ['dead', 'afterRedrive', 'started'],
  ['half', 'dead', 'dead'],
  // an older document than the client has seen
  ['half', 'quarter', ''],
  ['succeeded', 'again', ''],
]

const toSeen = (name: string) => toMark(name === 'upload' ? null : (at[name] ?? null))

for (const [before, after, expected] of rows)
  test(`${before ?? 'a new client'} → ${after ?? 'an upload without a document'}: ${expected || 'nothing'}`, () => {
    const events = toJobEvents(before === null ? null : toSeen(before), after === null ? null : (at[after] ?? null))
    assert.is(events.map(({ type }) => type).join(' '), expected)
    for (const { type, isLast } of events) assert.is(isLast, type === 'succeeded' || type === 'dead')
  })

test('after the end of its stream, a client receives nothing twice and misses nothing, wherever the connection broke', () => {
  const steps = ['started', 'quarter', 'playable', 'failed', 'again', 'succeeded', 'dead', 'redriven', 'afterRedrive']
  for (const [n, name] of steps.entries())
    for (const known of [null, ...steps.slice(0, n).map(toSeen)]) {
      const all = toJobEvents(known, at[name] ?? null)
      for (const [broken, { mark }] of all.entries()) {
        const rest = toJobEvents(parseMark(renderMark(mark)), at[name] ?? null)
        assert.equal(
          rest.map(({ type }) => type),
          all.slice(broken + 1).map(({ type }) => type),
        )
      }
    }
})

test('a document that was deleted and written again is new, although its claim and revisions are the same', () => {
  const seen = toMark(document({ rev: 9, state: 'succeeded', outputs: [video] }))
  const timings = { startedAt: '2026-02-01T00:00:00.000Z', endedAt: null, plugins: [] }
  const events = toJobEvents(seen, document({ rev: 1, timings }))
  assert.equal(
    events.map(({ type }) => type),
    ['started'],
  )
})

test('a second upload with the same outputs reports their new versions', () => {
  const seen = toMark(at.succeeded ?? null)
  const after = document({ rev: 20, claim: 5, state: 'succeeded', outputs: [{ ...video, etag: 'new' }] })
  assert.equal(
    toJobEvents(seen, after).map(({ type }) => type),
    ['playable', 'outputs', 'succeeded'],
  )
})

test('ids of events survive their transport, and nothing else is an id', () => {
  for (const name of [...Object.keys(at), 'upload'])
    assert.equal(parseMark(renderMark(toSeen(name))), toSeen(name), name)
  const [valid] = toJobEvents(null, at.half ?? null)
  assert.ok(valid)
  const id = renderMark(valid.mark)
  assert.match(id, /^[\w.-]{10,100}$/)
  for (const bad of [
    null,
    '',
    '7',
    `${id}.x`,
    `${id} `,
    id.replace('started', 'stopped'),
    `-${id}`,
    `x${id}`,
    '1.none....é',
  ])
    assert.is(parseMark(bad), null, String(bad))
})
