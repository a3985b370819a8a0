import * as assert from 'uvu/assert'
import { createDocuments } from '../../daemon/job/documents.ts'
import {
  createWarnings,
  MAX_DOCUMENT_BYTES,
  MAX_OUTPUTS,
  MAX_WARNINGS,
  toBoundedError,
  toFittingDraft,
} from '../../daemon/protocol/bounds.ts'
import { toDeadDraft } from '../../daemon/protocol/claim.ts'
import type { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { DocumentDraft, JobDocument, JobError, Output, PastAttempt } from '../../daemon/vocabulary/job.ts'
import { createFakeStorage, document, holdFakeLease, JOB, rejection } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const KEY = `.mediad/jobs/${JOB}.json`
const draft = (change: Partial<JobDocument> = {}): DocumentDraft => {
  const { rev: _, nonce: __, ...rest } = document(change)
  return rest
}
const outputs = (count: number, change: Partial<Output> = {}): Output[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `out/${n}.ts`,
    kind: 'segment',
    contentType: 'video/mp2t',
    sizeBytes: 10,
    etag: 'e'.repeat(32),
    seconds: 1.5,
    ...change,
  }))
const thrown = (act: () => unknown): MediadError => {
  try {
    act()
  } catch (error) {
    return error as MediadError
  }
  throw new Error('nothing was thrown')
}

/** The largest error that a plugin can throw: every character takes six bytes in JSON. */
const hugeError: JobError = {
  code: 'x.y',
  message: '\0'.repeat(2 ** 20),
  verdict: 'retry',
  plugin: 'note',
  stderr: Array.from({ length: 1000 }, () => '\0'.repeat(2000)),
}
const past = (attempt: number): PastAttempt => ({
  attempt,
  claim: attempt,
  owner: 'host/1',
  startedAt: 'a',
  endedAt: 'b',
  error: toBoundedError(hugeError),
})
const history = Array.from({ length: 20 }, (_, n) => past(n + 1))

function addHugeWarnings(count = 10_000) {
  const warnings = createWarnings()
  let kept: ReturnType<typeof warnings.add> = []
  for (let n = 0; n < count; n++) kept = warnings.add({ plugin: 'note', message: '\0'.repeat(10_000) })
  return kept
}

const test = suite('bounds')

test('writes a document of 1,000 outputs and reads it back', async () => {
  const documents = createDocuments({ storage: createFakeStorage(), prefix: '.mediad/' })
  await documents.write(draft({ state: 'succeeded', outputs: outputs(MAX_OUTPUTS) }), null)
  assert.is((await documents.read(JOB))?.document.outputs.length, 1000)
})

test('rejects 1,001 outputs before anything is written', async () => {
  const storage = createFakeStorage()
  const documents = createDocuments({ storage, prefix: '.mediad/' })
  const error = await rejection(documents.write(draft({ outputs: outputs(1001) }), null))
  assert.equal([error.code, error.verdict, storage.calls], ['output.too_many', 'reject', []])
})

test('rejects a document above 512 KiB before anything is written', async () => {
  const storage = createFakeStorage()
  const documents = createDocuments({ storage, prefix: '.mediad/' })
  const error = await rejection(documents.write(draft({ outputs: outputs(1000, { key: 'k'.repeat(1024) }) }), null))
  assert.equal([error.code, error.verdict, storage.calls], ['document.too_large', 'reject', []])
})

test('counts the size exactly, in bytes', async () => {
  const storage = createFakeStorage()
  const documents = createDocuments({ storage, prefix: '.mediad/' })
  const empty = Buffer.byteLength(JSON.stringify(draft({ outputs: outputs(1, { kind: '' }) })))
  const room = MAX_DOCUMENT_BYTES - 200 - empty
  await documents.write(
    draft({ outputs: outputs(1, { kind: `${'漢'.repeat(room / 3)}${'x'.repeat(room % 3)}` }) }),
    null,
  )
  const size = Buffer.byteLength(storage.objects.get(KEY)?.text ?? '')
  assert.ok(size <= MAX_DOCUMENT_BYTES && size > MAX_DOCUMENT_BYTES - 200, String(size))
  const more = draft({ outputs: outputs(1, { kind: 'x'.repeat(room + 1) }) })
  assert.is(thrown(() => toFittingDraft(more)).code, 'document.too_large')
})

test('fits a dead document with the largest errors, warnings and history', () => {
  const warnings = addHugeWarnings()
  const dead = toFittingDraft(toDeadDraft(document({ attempt: 20, history, warnings }), toBoundedError(hugeError)))
  const size = Buffer.byteLength(JSON.stringify(dead))
  assert.ok(size < MAX_DOCUMENT_BYTES, String(size))
  assert.is(dead.history.length, 20)
  assert.is(dead.error?.stderr?.length, 20)
})

test('removes the output of programs from the oldest attempts, and no more than necessary', () => {
  const ascii = toBoundedError({
    ...hugeError,
    message: 'm',
    stderr: Array.from({ length: 20 }, () => 'x'.repeat(500)),
  })
  const attempts = Array.from({ length: 20 }, (_, n) => ({ ...past(n + 1), error: ascii }))
  assert.equal(toFittingDraft(draft({ history: attempts })).history, attempts, 'it fits as it is')
  const full = draft({ history: attempts, outputs: outputs(1000, { key: 'k'.repeat(250) }) })
  const kept = toFittingDraft(full).history.map(({ error }) => error.stderr !== undefined)
  assert.equal(kept, kept.toSorted(), 'the oldest first')
  assert.ok(kept.includes(true) && kept.includes(false), String(kept))
})

test('keeps 100 warnings and counts the others', () => {
  const warnings = createWarnings()
  for (let n = 1; n <= MAX_WARNINGS; n++) assert.is(warnings.add({ plugin: 'note', message: `warning ${n}` }).length, n)
  assert.equal(warnings.add({ plugin: 'note', message: 'x' }).at(-1), {
    plugin: 'mediad',
    message: '1 more warning left out',
  })
  const last = warnings.add({ plugin: 'note', message: 'x' })
  assert.is(last.length, 101)
  assert.equal(last[99], { plugin: 'note', message: 'warning 100' })
  assert.equal(last[100], { plugin: 'mediad', message: '2 more warnings left out' })
})

test('truncates long warnings, and bounds their total size', () => {
  assert.is(createWarnings().add({ plugin: 'note', message: 'x'.repeat(10_000) })[0]?.message.length, 500)
  const kept = addHugeWarnings(1000)
  assert.ok(Buffer.byteLength(JSON.stringify(kept)) < 130 * 1024)
  const left = 1000 - (kept.length - 1)
  assert.is(kept.at(-1)?.message, `${left} more warnings left out`)
})

test('rejects a draft that is not valid before it is written', () => {
  const wrong = [
    { outputs: outputs(1, { kind: undefined as unknown as string }) },
    { outputs: outputs(1, { seconds: Number.NaN }) },
    { progress: { plugin: 'note', percent: Number.NaN } },
  ]
  for (const change of wrong) {
    const error = thrown(() => toFittingDraft(draft(change)))
    assert.is(error.code, 'internal.plugin')
    assert.match(error.message, new RegExp(`${JOB}.*(?:outputs\\.0\\.|progress\\.percent)`))
  }
})

test('keeps the lease when the final document is too large, and writes another one', async () => {
  const { lease, documents, clock } = holdFakeLease()
  const tooMany = lease.end({ state: 'succeeded', outputs: outputs(1001) })
  assert.is((await rejection(tooMany)).code, 'output.too_many')
  assert.equal(documents.written, [])
  await clock.advance(16_000)
  assert.equal(
    documents.written.map(({ state, outputs }) => [state, outputs.length]),
    [['processing', 0]],
    'heartbeats continue',
  )
  await lease.end({ state: 'failed' })
  assert.is(documents.written.at(-1)?.state, 'failed')
})
