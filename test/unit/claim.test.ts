import * as assert from 'uvu/assert'
import { toDeadError, toClaimDraft, toDeadDraft } from '../../daemon/protocol/claim.ts'
import type { JobError, PastAttempt } from '../../daemon/vocabulary/job.ts'
import { document, JOB, seen, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const error: JobError = { code: 'internal.ffmpeg', message: 'm', verdict: 'retry', plugin: 'transcode', stderr: ['x'] }
const crashed: JobError = {
  code: 'internal.crashed',
  message: 'the attempt ended without a result: its daemon died or lost the lease',
  verdict: 'retry',
}
const startedAt = '2026-01-01T00:00:00.000Z'
const endedAt = '2026-01-01T00:01:00.000Z'
const timings = { startedAt, endedAt, plugins: [] }
const past = (attempt: number, change: Partial<PastAttempt> = {}): PastAttempt => ({
  attempt,
  claim: attempt,
  owner: 'host/1',
  startedAt,
  endedAt,
  error,
  ...change,
})

const request = { id: JOB, source, previous: null, claim: 2, attempt: 2, owner: 'host/2' }
const claimOver = (previous: Parameters<typeof seen>[0]) => toClaimDraft({ ...request, previous: seen(previous) })

const test = suite('claim')

test('creates a complete document with the first claim', () => {
  const { timings, ...draft } = toClaimDraft({ ...request, claim: 1, attempt: 1 })
  assert.ok(Math.abs(Date.now() - Date.parse(timings.startedAt)) < 60_000)
  assert.equal([timings.endedAt, timings.plugins], [null, []])
  assert.equal(draft, {
    version: 1,
    id: JOB,
    source,
    state: 'processing',
    claim: 1,
    attempt: 1,
    owner: 'host/2',
    progress: { plugin: null, percent: 0 },
    outputs: [],
    error: null,
    backoffSeconds: 0,
    history: [],
  })
})

test('keeps only the history of a failed attempt', () => {
  const draft = claimOver({ state: 'failed', error, backoffSeconds: 9, timings, progress: { plugin: 'x', percent: 5 } })
  assert.equal([draft.state, draft.error, draft.backoffSeconds, draft.outputs], ['processing', null, 0, []])
  assert.equal(draft.progress, { plugin: null, percent: 0 })
  assert.is(draft.timings.endedAt, null)
  assert.equal(draft.history, [past(1)])
})

test('adds an attempt that ended without a result to the history as crashed', () => {
  const [entry, ...more] = claimOver({ claim: 4, history: [] }).history
  assert.equal(more, [])
  assert.ok(Math.abs(Date.now() - Date.parse(entry?.endedAt ?? '')) < 60_000)
  assert.equal({ ...entry, endedAt }, past(1, { claim: 4, error: crashed }))
})

test('names the plugin that ran when an attempt ended without a result', () => {
  const progress = { plugin: 'transcode', percent: 40, pluginPercent: 50 }
  assert.equal(claimOver({ history: [], progress }).history[0]?.error, { ...crashed, plugin: 'transcode' })
})

test('does not change the history after a release', () => {
  const history = [past(1)]
  assert.equal(claimOver({ state: 'released', owner: null, history }).history, history)
})

test('starts a new history for another upload', () => {
  const other = { ...source, etag: 'e0' }
  assert.equal(claimOver({ state: 'failed', error, source: other, history: [past(1)] }).history, [])
  assert.equal(claimOver({ state: 'dead', source: other, history: [past(1)] }).history, [])
})

test('keeps the last 20 attempts in the history', () => {
  const history = Array.from({ length: 20 }, (_, index) => past(index + 1))
  const draft = claimOver({ state: 'failed', error, attempt: 21, claim: 21, timings, history })
  assert.equal(
    draft.history.map(({ attempt }) => attempt),
    history.map(({ attempt }) => attempt + 1),
  )
})

test('removes the owner of a dead document, sets the error, and adds the last attempt to the history', () => {
  const dead = toDeadDraft(document({ attempt: 2, claim: 2, history: [past(1)], backoffSeconds: 7 }), error)
  assert.equal([dead.state, dead.owner, dead.error, dead.backoffSeconds], ['dead', null, error, 0])
  assert.is(dead.history.length, 2)
  assert.equal(dead.history[0], past(1))
  assert.equal({ ...dead.history[1], endedAt }, past(2))
  assert.is(dead.history[1]?.endedAt, dead.timings.endedAt)
  assert.equal([dead.claim, dead.attempt, dead.source], [2, 2, source])
})

test('does not copy rev and nonce to a dead document', () => {
  const keys = Object.keys(toDeadDraft(document(), error))
  assert.not.ok(keys.includes('rev') || keys.includes('nonce'))
})

test('keeps the end of a failed attempt that is dead-lettered later', () => {
  const dead = toDeadDraft(document({ state: 'failed', error, timings }), error)
  assert.equal(dead.history, [past(1)])
})

test('keeps the error of a failed attempt when the job is dead-lettered for another reason', () => {
  const gone: JobError = { code: 'input.source_gone', message: 'm', verdict: 'reject' }
  const dead = toDeadDraft(document({ state: 'failed', error, timings }), gone)
  assert.equal(dead.error, gone)
  assert.equal(dead.history[0]?.error, error)
})

test('dead-letters a job with the error of its document, or as crashed when there is none', () => {
  assert.equal(toDeadError(document({ state: 'failed', error }), 5), error)
  const { code, message, verdict } = toDeadError(document({ attempt: 5 }), 5)
  assert.equal([code, verdict], ['internal.crashed', 'retry'])
  assert.match(message, /attempt 5 of 5/)
})
