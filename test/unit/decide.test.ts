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
import type { InProgressMessage } from '../../daemon/protocol/messages.ts'
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
const deadLetter = { do: 'dead-letter' } as const
const claim = (claim: number, attempt: number): TakeDecision => ({ do: 'claim', claim, attempt })
const owned = (seconds: number): TakeDecision => ({ do: 'postpone', why: 'owned', seconds })
const backoff = (seconds: number): TakeDecision => ({ do: 'postpone', why: 'backoff', seconds })
const newerUpload: TakeDecision = { do: 'postpone', why: 'newer upload', seconds: 30 }

type Document = Partial<JobDocument>
type TakeRow = [name: string, of: WorkSource, stored: Document | null, age: number, decision: TakeDecision]

const takeTable: TakeRow[] = [
  ['no document', source, null, 0, claim(1, 1)],
  ['no document, redriven', { ...source, redrive: 3 }, null, 0, claim(1, 1)],

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
  ['redriven, attempts exhausted', { ...source, redrive: 3 }, failed({ claim: 3, attempt: 5 }), 0, deadLetter],
  ['redriven, superseded by a newer upload', { ...older, redrive: 3 }, { ...dead, claim: 3 }, 9, superseded],
  ['redriven, another upload is dead', { ...newer, redrive: 3 }, { ...dead, claim: 3, attempt: 5 }, 0, claim(4, 1)],
  [
    'the same with another spelling of the sequencer, succeeded',
    { ...source, sequencer: '00a' },
    succeeded,
    9,
    duplicate,
  ],

  ['the same, fresh', source, {}, 0, owned(61)],
  ['the same, half way', source, {}, 30, owned(31)],
  ['the same, at the end of the lease', source, {}, FRESH, owned(1)],
  ['the same, at its last attempt', source, { attempt: 5 }, 10, owned(51)],

  ['the same, stale at its last attempt', source, { attempt: 5 }, STALE, deadLetter],
  ['the same, stale beyond its last attempt', source, { attempt: 6 }, 999, deadLetter],
  ['the same, failed for the last time', source, failed({ attempt: 5 }), 0, deadLetter],
  ['the same, rejected', source, rejected, 0, deadLetter],
  ['the same, rejected, in backoff', source, failed({ error: failure('reject') }), 0, deadLetter],

  ['the same, just failed', source, failed(), 0, backoff(100)],
  ['the same, failed a while ago', source, failed(), 99.5, backoff(0.5)],
  ['the same, backoff ended', source, failed(), 100, claim(2, 2)],
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

const inProgress: InProgressMessage = { id: JOB, source, claim: 3, owner: 'host/1' }
const neverClaimed: SweepDecision = { do: 'retry', why: 'claim never happened', delaySeconds: 0 }
const obsolete: SweepDecision = { do: 'drop', why: 'obsolete' }
const finished: SweepDecision = { do: 'drop', why: 'finished' }
const wait: SweepDecision = { do: 'wait', seconds: 30 }
const unfinished = (delaySeconds: number): SweepDecision => ({ do: 'retry', why: 'unfinished', delaySeconds })

type SweepRow = [name: string, stored: Document | null, age: number, decision: SweepDecision]

/** Documents have claim 3, like the in-progress message, unless a row sets another one. */
const sweepTable: SweepRow[] = [
  ['absent', null, 0, neverClaimed],
  ['an earlier claim', { claim: 2, owner: 'other/1' }, 0, neverClaimed],
  ['an earlier claim, succeeded', { ...succeeded, claim: 2 }, 9, neverClaimed],
  ['an earlier claim, dead', { ...dead, claim: 1 }, 9, neverClaimed],
  ['an earlier claim, released', { ...released, claim: 2 }, 9, neverClaimed],

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
  ['processing, at the end of the lease', {}, FRESH, wait],
  ['processing, last attempt', { attempt: 5 }, FRESH, wait],

  ['stale, last attempt', { attempt: 5 }, STALE, deadLetter],
  ['failed for the last time', failed({ attempt: 5 }), 0, deadLetter],
  ['rejected', rejected, 0, deadLetter],
  ['rejected, in backoff', failed({ error: failure('reject') }), 0, deadLetter],

  ['stale', {}, STALE, unfinished(0)],
  ['stale, before the last attempt', { attempt: 4 }, 999, unfinished(0)],
  ['failed, in backoff', failed(), 40, unfinished(60)],
  ['failed, backoff ended', failed(), 101, unfinished(0)],
]

const test = suite('decide')

for (const [name, of, stored, ageSeconds, decision] of takeTable) {
  test(`take: ${name}`, () => {
    assert.equal(decideTake(of, stored && { document: document(stored), ageSeconds }, limits), decision)
  })
}

for (const [name, stored, ageSeconds, decision] of sweepTable) {
  test(`sweep: ${name}`, () => {
    const seen = stored && { document: document({ claim: 3, ...stored }), ageSeconds }
    assert.equal(decideSweep(inProgress, seen, limits), decision)
  })
}

test('postpones a message until after the end of the lease', () => {
  for (const ageSeconds of [0, 0.001, 17, 59.999, 60]) {
    const decision = decideTake(source, { document: document(), ageSeconds }, limits)
    const seconds = decision.do === 'postpone' ? decision.seconds : 0
    assert.ok(!isFresh({ document: document(), ageSeconds: ageSeconds + seconds }, limits))
  }
})

test('treats only a job that is being processed as fresh', () => {
  for (const state of ['failed', 'released', 'succeeded', 'dead'] as const) {
    assert.is(isFresh({ document: document({ state }), ageSeconds: 0 }, limits), false)
  }
})

test('uses the limits of the config', () => {
  const short = { attempts: 1, leaseSeconds: 6, recheckSeconds: 1 }
  assert.equal(decideTake(source, { document: document(), ageSeconds: 6 }, short), owned(1))
  assert.equal(decideTake(source, { document: document(), ageSeconds: 7 }, short), deadLetter)
  assert.equal(decideSweep(inProgress, { document: document({ claim: 3 }), ageSeconds: 6 }, short), {
    do: 'wait',
    seconds: 1,
  })
})

test('throws when no rule of a table applies', () => {
  for (const seen of [null, { document: document(), ageSeconds: STALE }]) {
    assert.throws(() => decideTake(source, seen, { ...limits, rules: [] }), /no rule applies/)
    assert.throws(() => decideSweep(inProgress, seen, { ...limits, rules: [] }), /no rule applies/)
  }
})

test('covers every rule with a row of the tables, and names every rule uniquely', () => {
  const taken = new Set(
    takeTable.map(([, of, stored, ageSeconds]) =>
      takeRules.find((rule) => rule.when(of, stored && { document: document(stored), ageSeconds }, limits)),
    ),
  )
  const swept = new Set(
    sweepTable.map(([, stored, ageSeconds]) =>
      sweepRules.find((rule) =>
        rule.when(inProgress, stored && { document: document({ claim: 3, ...stored }), ageSeconds }, limits),
      ),
    ),
  )
  for (const rule of takeRules) assert.ok(taken.has(rule), rule.name)
  for (const rule of sweepRules) assert.ok(swept.has(rule), rule.name)
  assert.is(new Set(takeRules.map(({ name }) => name)).size, takeRules.length)
  assert.is(new Set(sweepRules.map(({ name }) => name)).size, sweepRules.length)
})
