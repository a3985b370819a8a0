import * as assert from 'uvu/assert'
import { describeDead, summarizeOutcomes, toDeadRow, toNameColumn } from '../../daemon/cli/operator/dead.ts'
import { describeJob, toJobRow } from '../../daemon/cli/operator/jobs.ts'
import { toNotFound } from '../../daemon/cli/operator/not-found.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { DeadItem } from '../../daemon/operate/dead.ts'
import { makeConfig, makeDocument } from '../helpers/edge.ts'
import { JOB, seen } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const config = makeConfig()
const error = {
  code: 'internal.ffmpeg',
  message: 'it broke',
  verdict: 'retry',
  plugin: 'transcode',
  stderr: ['last\u001b[2J line'],
} as const
const pastAttempt = { attempt: 1, claim: 2, owner: 'host/1', startedAt: 'then', endedAt: 'later', error }
const dead = { reason: error.code, error: { ...error, stderr: [] }, at: '2026-01-01' }
const job = { id: JOB, source: makeDocument(JOB).source, claim: 5, attempt: 4, history: [pastAttempt] }
const noJob: DeadItem = { id: 'm1', dead: null, body: 'what\u0007?', messages: 1, document: null }

const listed = { id: JOB, shortId: '01234567' }

const test = suite('operate output')

async function messageOf(name: string, found: boolean): Promise<string> {
  const head = async () => (found ? { etag: 'e', sizeBytes: 1 } : null)
  const { code, message } = await toNotFound(name, { config, head: head as never, signal: AbortSignal.abort() })
  assert.is(code, 'job.not_found')
  return message
}

test('names the column of ids after jobs, unless there are messages of no job', () => {
  const ofJob: DeadItem = { id: JOB, dead: { ...dead, job }, messages: 1, document: null }
  assert.is(toNameColumn([ofJob]).name, 'job')
  assert.is(toNameColumn([ofJob, noJob]).name, 'id')
})

test('a name without a job is an upload that waits, a prefix that is too short, or unknown', async () => {
  assert.match(await messageOf('origin_a.mp4', true), /is in the bucket, and no daemon has claimed its job yet/)
  assert.is(await messageOf('origin_a.mp4', false), 'no job has the id or source key "origin_a.mp4"')
  assert.is(await messageOf('cvted_a.mp4', true), 'no job has the id or source key "cvted_a.mp4"')
  assert.match(await messageOf('31', false), /"31"\. A prefix of an id needs at least 4 characters$/)
})

test('shows a job as a row', () => {
  const row = toJobRow(
    { ...listed, seen: seen({ progress: { plugin: 'transcode', percent: 41.7, pluginPercent: 55 } }, 3) },
    config,
  )
  assert.equal(row, ['01234567', 'origin_a.mp4', 'processing', '1/5', '42 % (transcode 55 %)', 'host/1', '3 s', '–'])
  const early = toJobRow({ ...listed, seen: seen({ progress: { plugin: 'transcode', percent: 0 } }) }, config)
  assert.is(early[4], '0 % (transcode)')
  const stale = toJobRow({ ...listed, seen: seen({}, 61) }, config)
  assert.is(stale[2], 'processing (stale)')
  assert.is(toJobRow({ ...listed, seen: seen({ state: 'dead', owner: null }, 61) }, config)[2], 'dead')
  const problem = new MediadError('internal.document', 'not a job document')
  assert.equal(toJobRow({ ...listed, problem }, config), [
    '01234567',
    '–',
    '–',
    '–',
    '–',
    '–',
    '–',
    'internal.document',
  ])
})

test('describes a job with its outputs, errors and the last lines of its programs', () => {
  const text = describeJob(
    { document: makeDocument(JOB, { error, history: [pastAttempt] }), etag: 'e', ageSeconds: 90 },
    config,
  )
  for (const part of [
    'origin_a.mp4',
    'failed, written 1 min ago',
    '2/5',
    'cvted_a.mp4',
    'transcode: internal.ffmpeg',
    'internal.ffmpeg: it broke',
    'last\\u001b[2J line',
  ])
    assert.ok(text.includes(part), part)
  assert.not.match(text, '\u001b[2J')
})

test('shows a dead job, and a message that is not a job, as a row', () => {
  const document = makeDocument(JOB, { state: 'dead' })
  const row = toDeadRow({ id: JOB, dead: { ...dead, job }, messages: 2, document })
  assert.equal(row, [JOB, 'origin_a.mp4', 'internal.ffmpeg', 'it broke', '2026-01-01', '4', '5', 'dead'])
  assert.equal(toDeadRow(noJob), ['m1', '–', 'not written by mediad', '–', '–', '–', '–', '–'])
})

test('describes a dead job with the history and the last lines from its document', () => {
  const document = makeDocument(JOB, { state: 'dead', error, history: [pastAttempt, { ...pastAttempt, attempt: 7 }] })
  const both = describeDead({ id: JOB, dead: { ...dead, job }, messages: 2, document })
  for (const part of ['internal.ffmpeg: it broke', 'last\\u001b[2J line', '│ 7 ']) assert.ok(both.includes(part), part)
  const alone = describeDead({ id: JOB, dead: { ...dead, job }, messages: 1, document: null })
  assert.match(alone, /document +none/)
  assert.match(alone, 'transcode: internal.ffmpeg')
  assert.match(describeDead(noJob), 'what\\u0007?')
})

test('summarizes what redrive and drop did with all items', () => {
  const [done, skipped] = [true, false].map((done) => ({ id: JOB, done, detail: 'x' }))
  assert.ok(done && skipped)
  assert.is(summarizeOutcomes('drop', []), 'Nothing to drop: the dead-letter queue is empty')
  assert.is(summarizeOutcomes('drop', [done, done]), '2 dropped')
  assert.is(summarizeOutcomes('redrive', [done, skipped]), '1 redriven, 1 left as they are')
})
