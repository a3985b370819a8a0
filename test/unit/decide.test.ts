import * as assert from 'uvu/assert'
import {
  decideSweep,
  decideTake,
  isFresh,
  sweepRules,
  takeRules,
  type SweepDecision,
  type TakeDecision,
} from '../../daemon/protocol/decide.ts'
import type { JobRecord } from '../../daemon/protocol/messages.ts'
import type { JobDocument, JobError, Source, WorkSource } from '../../daemon/vocabulary/job.ts'
import { document, JOB, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const limits = { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 }
const FRESH = 60
const STALE = 60.001

const failure = (verdict: JobError['verdict']): JobError => ({ code: 'x.y', message: 'm', verdict })
const failed = (change: Partial<JobDocument> = {}): Partial<JobDocument> => ({
  state: 'failed',
  error: failure('retry'),
  backoffSeconds: 100,
  ...change,
})
const rejected = failed({ error: failure('reject'), backoffSeconds: 0 })
const released: Partial<JobDocument> = { state: 'released', owner: null }
const succeeded: Partial<JobDocument> = { state: 'succeeded' }
const dead: Partial<JobDocument> = { state: 'dead', owner: null, error: failure('reject') }

const older: Source = { ...source, etag: 'e0', sequencer: '09' }
const newer: Source = { ...source, etag: 'e2', sequencer: '0B' }
const unordered: Source = { bucket: 'media', key: source.key, etag: 'e2', sizeBytes: 10 }

const superseded: TakeDecision = { do: 'delete', why: 'superseded' }
const duplicate: TakeDecision = { do: 'delete', why: 'duplicate' }
const bury = { do: 'bury' } as const
const claim = (claim: number, attempt: number): TakeDecision => ({ do: 'claim', claim, attempt })
const owned = (seconds: number): TakeDecision => ({ do: 'postpone', why: 'owned', seconds })
const backoff = (seconds: number): TakeDecision => ({ do: 'postpone', why: 'backoff', seconds })
const newerUpload: TakeDecision = { do: 'postpone', why: 'newer upload', seconds: 30 }

type Document = Partial<JobDocument>
type TakeRow = [name: string, of: WorkSource, is: Document, age: number, decision: TakeDecision]

const takeTable: TakeRow[] = [
  ['an older upload, processing', older, {}, 0, superseded],
  ['an older upload, stale', older, {}, 999, superseded],
  ['an older upload, succeeded', older, succeeded, 9, superseded],
  ['an older upload, dead', older, dead, 9, superseded],
  ['an older upload, released', older, released, 9, superseded],
  ['an older upload, failed', older, failed(), 0, superseded],
  ['an older message of the same content', { ...source, sequencer: '09' }, {}, 0, superseded],
  ['older by case and padding', { ...older, sequencer: '000009' }, {}, 0, superseded],

  ['the same, succeeded', source, succeeded, 9, duplicate],
  ['the same, dead', source, dead, 9, duplicate],
  ['the same, succeeded at the last attempt', source, { ...succeeded, attempt: 5 }, 9, duplicate],
  ['redriven, dead as this claim', { ...source, redrive: 3 }, { ...dead, claim: 3, attempt: 5 }, 0, claim(4, 1)],
  ['redriven, dead as a later claim', { ...source, redrive: 3 }, { ...dead, claim: 4 }, 9, duplicate],
  ['redriven, dead as an earlier claim', { ...source, redrive: 3 }, { ...dead, claim: 2 }, 9, duplicate],
  ['redriven, succeeded', { ...source, redrive: 3 }, { ...succeeded, claim: 3 }, 9, duplicate],
  ['redriven, fresh', { ...source, redrive: 3 }, { claim: 3 }, 0, owned(61)],
  ['redriven, stale', { ...source, redrive: 3 }, { claim: 3, attempt: 2 }, STALE, claim(4, 3)],
  ['redriven, used up', { ...source, redrive: 3 }, failed({ claim: 3, attempt: 5 }), 0, bury],
  ['redriven, a newer upload is there', { ...older, redrive: 3 }, { ...dead, claim: 3 }, 9, superseded],
  ['redriven, another upload is dead', { ...newer, redrive: 3 }, { ...dead, claim: 3, attempt: 5 }, 0, claim(4, 1)],
  ['the same in other letters, succeeded', { ...source, sequencer: '00a' }, succeeded, 9, duplicate],

  ['the same, fresh', source, {}, 0, owned(61)],
  ['the same, half way', source, {}, 30, owned(31)],
  ['the same, at the border', source, {}, FRESH, owned(1)],
  ['the same, at its last attempt', source, { attempt: 5 }, 10, owned(51)],

  ['the same, stale at its last attempt', source, { attempt: 5 }, STALE, bury],
  ['the same, stale beyond its last attempt', source, { attempt: 6 }, 999, bury],
  ['the same, failed for the last time', source, failed({ attempt: 5 }), 0, bury],
  ['the same, rejected', source, rejected, 0, bury],
  ['the same, rejected, in backoff', source, failed({ error: failure('reject') }), 0, bury],

  ['the same, just failed', source, failed(), 0, backoff(100)],
  ['the same, failed a while ago', source, failed(), 99.5, backoff(0.5)],
  ['the same, backoff over', source, failed(), 100, claim(2, 2)],
  ['the same, no backoff', source, failed({ backoffSeconds: 0 }), 0, claim(2, 2)],

  ['the same, released', source, released, 0, claim(2, 1)],
  ['the same, released at its last attempt', source, { ...released, attempt: 5, claim: 9 }, 0, claim(10, 5)],
  ['the same, stale', source, {}, STALE, claim(2, 2)],
  ['the same, stale before its last attempt', source, { attempt: 4, claim: 7 }, 999, claim(8, 5)],

  ['a newer upload, fresh', newer, {}, FRESH, newerUpload],
  ['a newer upload, stale', newer, { attempt: 5, claim: 7 }, STALE, claim(8, 1)],
  ['a newer upload, succeeded', newer, { ...succeeded, claim: 3 }, 0, claim(4, 1)],
  ['a newer upload, dead', newer, { ...dead, attempt: 5 }, 0, claim(2, 1)],
  ['a newer upload, failed', newer, failed({ attempt: 5 }), 0, claim(2, 1)],
  ['a newer upload, rejected', newer, rejected, 0, claim(2, 1)],
  ['a newer upload, released', newer, { ...released, attempt: 3 }, 0, claim(2, 1)],

  ['another upload of unknown order, fresh', unordered, {}, 0, newerUpload],
  ['another upload of unknown order, succeeded', unordered, succeeded, 0, claim(2, 1)],
  ['another upload over one without sequencer', newer, { source: { ...unordered, etag: 'e3' } }, STALE, claim(2, 1)],
]

const record: JobRecord = { id: JOB, source, claim: 3, owner: 'host/1' }
const never: SweepDecision = { do: 'retry', why: 'claim never happened', delaySeconds: 0 }
const obsolete: SweepDecision = { do: 'drop', why: 'obsolete' }
const finished: SweepDecision = { do: 'drop', why: 'finished' }
const wait: SweepDecision = { do: 'wait', seconds: 30 }
const unfinished = (delaySeconds: number): SweepDecision => ({ do: 'retry', why: 'unfinished', delaySeconds })

type SweepRow = [name: string, is: Document | null, age: number, decision: SweepDecision]

/** Documents are at claim 3, as the record is, unless they say otherwise. */
const sweepTable: SweepRow[] = [
  ['absent', null, 0, never],
  ['an earlier claim', { claim: 2, owner: 'other/1' }, 0, never],
  ['an earlier claim, succeeded', { ...succeeded, claim: 2 }, 9, never],
  ['an earlier claim, dead', { ...dead, claim: 1 }, 9, never],
  ['an earlier claim, released', { ...released, claim: 2 }, 9, never],

  ['a later claim', { claim: 4 }, 0, obsolete],
  ['a later claim, stale', { claim: 4 }, 999, obsolete],
  ['a later claim, failed', failed({ claim: 9 }), 999, obsolete],
  ['a lost race', { owner: 'other/1' }, 0, obsolete],
  ['a lost race, stale', { owner: 'other/1' }, 999, obsolete],
  ['another claim of the same daemon', { owner: 'host/2' }, 0, obsolete],
  ['released', released, 999, obsolete],
  ['dead', dead, 0, obsolete],

  ['succeeded', succeeded, 0, finished],
  ['succeeded at the last attempt', { ...succeeded, attempt: 5 }, 999, finished],

  ['processing', {}, 0, wait],
  ['processing, at the border', {}, FRESH, wait],
  ['processing, last attempt', { attempt: 5 }, FRESH, wait],

  ['stale, last attempt', { attempt: 5 }, STALE, bury],
  ['failed for the last time', failed({ attempt: 5 }), 0, bury],
  ['rejected', rejected, 0, bury],
  ['rejected, in backoff', failed({ error: failure('reject') }), 0, bury],

  ['stale', {}, STALE, unfinished(0)],
  ['stale, before the last attempt', { attempt: 4 }, 999, unfinished(0)],
  ['failed, in backoff', failed(), 40, unfinished(60)],
  ['failed, backoff over', failed(), 101, unfinished(0)],
]

const test = suite('decide')

test('no document: the first claim', () => assert.equal(decideTake(source, null, limits), claim(1, 1)))

for (const [name, of, is, ageSeconds, decision] of takeTable) {
  test(`take: ${name}`, () => {
    assert.equal(decideTake(of, { document: document(is), ageSeconds }, limits), decision)
  })
}

for (const [name, is, ageSeconds, decision] of sweepTable) {
  test(`sweep: ${name}`, () => {
    const seen = is && { document: document({ claim: 3, ...is }), ageSeconds }
    assert.equal(decideSweep(record, seen, limits), decision)
  })
}

test('a postponed message comes back after the lease ended, never before', () => {
  for (const ageSeconds of [0, 0.001, 17, 59.999, 60]) {
    const decision = decideTake(source, { document: document(), ageSeconds }, limits)
    const seconds = decision.do === 'postpone' ? decision.seconds : 0
    assert.ok(!isFresh({ document: document(), ageSeconds: ageSeconds + seconds }, limits))
  }
})

test('only a job that is being processed is fresh', () => {
  for (const state of ['failed', 'released', 'succeeded', 'dead'] as const) {
    assert.is(isFresh({ document: document({ state }), ageSeconds: 0 }, limits), false)
  }
})

test('the limits are those of the config', () => {
  const short = { attempts: 1, leaseSeconds: 6, recheckSeconds: 1 }
  assert.equal(decideTake(source, { document: document(), ageSeconds: 6 }, short), owned(1))
  assert.equal(decideTake(source, { document: document(), ageSeconds: 7 }, short), bury)
  assert.equal(decideSweep(record, { document: document({ claim: 3 }), ageSeconds: 6 }, short), {
    do: 'wait',
    seconds: 1,
  })
})

test('every rule is met by a row, and every rule has a name of its own', () => {
  const taken = new Set(
    takeTable.map(([, of, is, ageSeconds]) =>
      takeRules.find((rule) => rule.when(of, { document: document(is), ageSeconds }, limits)),
    ),
  )
  const swept = new Set(
    sweepTable.map(([, is, ageSeconds]) =>
      sweepRules.find((rule) =>
        rule.when(record, is && { document: document({ claim: 3, ...is }), ageSeconds }, limits),
      ),
    ),
  )
  for (const rule of takeRules) assert.ok(taken.has(rule), rule.name)
  for (const rule of sweepRules) assert.ok(swept.has(rule), rule.name)
  assert.is(new Set(takeRules.map(({ name }) => name)).size, takeRules.length)
  assert.is(new Set(sweepRules.map(({ name }) => name)).size, sweepRules.length)
})
