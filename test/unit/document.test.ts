import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { toDeadDraft } from '../../daemon/protocol/claim.ts'
import { createDocuments, type Written } from '../../daemon/job/documents.ts'
import type { DocumentDraft, JobDocument, SeenDocument } from '../../daemon/vocabulary/job.ts'
import type { WriteOutcome } from '../../daemon/storage/storage.ts'
import {
  createFakeClock,
  createFakeStorage,
  document,
  JOB,
  rejection,
  transient,
  turn,
  type WriteScript,
} from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const KEY = `.mediad/jobs/${JOB}.json`

/** Creates documents on an S3 in memory. Pauses between tries take no time. */
function prepare() {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const withoutPauses = { ...clock, wait: () => turn() }
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: withoutPauses })
  const stored = () => JSON.parse(storage.objects.get(KEY)?.text ?? 'null') as JobDocument | null
  return { clock, storage, documents, stored }
}

const draft = (change: Partial<JobDocument> = {}): DocumentDraft => {
  const { rev: _, nonce: __, ...rest } = document(change)
  return rest
}
const asSeen = ({ document, etag }: Written): SeenDocument => ({ document, etag, ageSeconds: 0 })

function won(written: Written | null): Written {
  if (written === null) throw new Error('the write was lost')
  return written
}

const loseResponse: WriteScript = (perform) => {
  perform()
  throw transient('the response was lost')
}
/** The SDK repeats a PUT whose response was lost, and the successful writer receives 412. */
const rejectWinner: WriteScript = (perform) => {
  perform()
  return 'refused'
}
const conflict: WriteScript = () => 'unsettled'
const unavailable: WriteScript = () => {
  throw transient('503')
}

const test = suite('document')

test('creates a document, reads it with its age by the clock of S3, and replaces it', async () => {
  const { documents, storage, clock } = prepare()
  assert.is(await documents.read(JOB), null)
  const first = won(await documents.write(draft(), null))
  const found = await documents.read(JOB)
  assert.equal(found, { document: first.document, etag: first.etag, ageSeconds: 0 })
  await clock.advance(61_000)
  assert.is((await documents.read(JOB))?.ageSeconds, 61)
  const second = won(await documents.write(draft({ state: 'succeeded' }), first))
  assert.equal([first.document.rev, second.document.rev], [1, 2])
  assert.is.not(first.document.nonce, second.document.nonce)
  assert.is((await documents.read(JOB))?.document.state, 'succeeded')
  assert.equal([...storage.objects.keys()], [KEY])
})

test('returns null to the second writer, and keeps the document', async () => {
  const { documents, stored } = prepare()
  const first = won(await documents.write(draft({ owner: 'a/1' }), null))
  assert.is(await documents.write(draft({ owner: 'b/1' }), null), null)
  const second = won(await documents.write(draft({ owner: 'b/2', claim: 2 }), asSeen(first)))
  assert.is(await documents.write(draft({ owner: 'c/1', claim: 2 }), asSeen(first)), null)
  assert.equal(stored(), second.document)
})

test('returns null when the previous document was deleted', async () => {
  const { documents, storage } = prepare()
  const first = won(await documents.write(draft(), null))
  await storage.remove(KEY)
  assert.is(await documents.write(draft(), first), null)
  assert.is(storage.objects.size, 0)
})

test('lets exactly one of 50 daemons create a document', async () => {
  const { documents, stored } = prepare()
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, index) => documents.write(draft({ owner: `d/${index}` }), null)),
  )
  const winners = outcomes.filter((outcome) => outcome !== null)
  assert.is(winners.length, 1)
  assert.equal(stored(), winners[0]?.document)
})

test('lets exactly one of 50 daemons claim a document, although half of the responses are lost', async () => {
  const { documents, storage, stored } = prepare()
  const first = won(await documents.write(draft({ state: 'released', owner: null }), null))
  const lossy: WriteScript[] = [loseResponse, rejectWinner, conflict, unavailable]
  storage.writes.push(...Array.from({ length: 100 }, (_, n) => lossy[n % 4] ?? conflict))
  const claims = Array.from({ length: 50 }, (_, n) =>
    documents.write(draft({ owner: `d/${n}`, claim: 2 }), asSeen(first)),
  )
  const winners = (await Promise.all(claims)).filter((outcome) => outcome !== null)
  assert.is(winners.length, 1)
  assert.equal(stored(), winners[0]?.document)
})

const failures: Record<string, WriteScript[]> = {
  'the response is lost': [loseResponse],
  '412 for the successful writer': [rejectWinner],
  '409 twice': [conflict, conflict],
  '503 twice': [unavailable, unavailable],
  '409, then the response is lost': [conflict, loseResponse],
  '503 that took effect, then 412': [loseResponse, rejectWinner],
}

for (const [name, scripts] of Object.entries(failures)) {
  test(`returns the document to the successful writer: ${name}`, async () => {
    const { documents, storage, stored } = prepare()
    storage.writes.push(...scripts)
    const created = won(await documents.write(draft(), null))
    assert.equal(stored(), created.document)
    storage.writes.push(...scripts)
    const replaced = won(await documents.write(draft({ state: 'failed' }), created))
    assert.equal(stored(), replaced.document)
    assert.equal([replaced.document.rev, replaced.etag], [2, storage.objects.get(KEY)?.etag])
  })

  test(`returns null to the other writer: ${name}`, async () => {
    const { documents, storage, stored } = prepare()
    const first = won(await documents.write(draft({ owner: 'a/1' }), null))
    storage.writes.push(...scripts)
    assert.is(await documents.write(draft({ owner: 'b/1' }), null), null)
    assert.equal(stored(), first.document)
  })
}

test('reports the time of the first try as the time of the write', async () => {
  const { documents, storage, clock } = prepare()
  const slow: WriteScript = () => clock.advance(7000).then(() => 'unsettled' as const)
  storage.writes.push(slow, slow)
  const start = clock.now()
  const written = won(await documents.write(draft(), null))
  assert.is(written.sentAt, start)
  assert.is(clock.now(), start + 14_000)
})

test('throws transient.storage when S3 neither accepts nor rejects the write', async () => {
  for (const script of [conflict, unavailable]) {
    const { documents, storage } = prepare()
    storage.writes.push(...Array.from({ length: 50 }, () => script))
    const error = await rejection(documents.write(draft(), null))
    assert.is(error.code, 'transient.storage')
    assert.ok(storage.writes.length > 30, 'the number of tries is limited')
    assert.is(storage.objects.size, 0)
  }
})

test('throws when the response is lost and the document cannot be read', async () => {
  const { documents, storage } = prepare()
  storage.writes.push(loseResponse)
  storage.readErrors.push(transient('read 503'))
  assert.is((await rejection(documents.write(draft(), null))).message, 'read 503')
})

test('throws a permanent error unchanged', async () => {
  const { documents, storage } = prepare()
  const error = new MediadError('config.storage', 'no bucket')
  storage.writes.push(() => {
    throw error
  })
  assert.is(await rejection(documents.write(draft(), null)), error)
  assert.equal(storage.calls, [`write ${KEY}`])
})

test('throws the reason of an aborted write, without another try', async () => {
  const { documents, storage } = prepare()
  const stop = new AbortController()
  storage.writes.push(() => {
    stop.abort(new Error('stopped'))
    throw transient()
  })
  assert.is((await rejection(documents.write(draft(), null, stop.signal))).message, 'stopped')
  assert.is(storage.calls.length, 1)
})

for (const state of ['processing', 'succeeded', 'failed', 'released', 'dead'] as const) {
  test(`replaces an earlier heartbeat of the owner that timed out and took effect later: ${state}`, async () => {
    const { documents, storage, stored } = prepare()
    const claimed = won(await documents.write(draft(), null))
    const late: { arrive?: () => WriteOutcome } = {}
    storage.writes.push((perform) => {
      late.arrive = perform
      throw new Error('no response')
    })
    await rejection(documents.write(draft({ progress: { plugin: 'x', percent: 10 } }), claimed))
    assert.type(late.arrive?.(), 'object')
    const owner = state === 'released' || state === 'dead' ? null : 'host/1'
    const next = won(await documents.write(draft({ state, owner }), claimed))
    assert.equal([stored(), next.document.rev, next.document.state], [next.document, 3, state])
  })
}

test('returns null to a new owner after a late heartbeat of the old one', async () => {
  const { documents, stored } = prepare()
  const old = won(await documents.write(draft({ owner: 'a/1' }), null))
  const beat = won(await documents.write(draft({ owner: 'a/1' }), old))
  assert.is(await documents.write(draft({ owner: 'b/1', claim: 2 }), asSeen(old)), null)
  assert.equal(stored(), beat.document)
})

for (const state of ['processing', 'succeeded', 'failed'] as const) {
  test(`does not dead-letter a job whose owner wrote the document in the meantime: ${state}`, async () => {
    const { documents, stored } = prepare()
    const stale = won(await documents.write(draft({ attempt: 5 }), null))
    const late = won(await documents.write(draft({ attempt: 5, state }), stale))
    const error = { code: 'internal.crashed', message: 'm', verdict: 'retry' } as const
    assert.is(await documents.write(toDeadDraft(stale.document, error), asSeen(stale)), null)
    assert.equal(stored(), late.document)
  })
}

const foreign = ['', 'null', '[]', '{"v":99}', '{', '\0', JSON.stringify({ ...document(), version: 2 })]
const incomplete = (['claim', 'source', 'state', 'owner', 'error', 'nonce', 'timings', 'history'] as const).map(
  (name) => JSON.stringify({ ...document(), [name]: undefined }),
)
const invalid = [{ id: 'f'.repeat(32) }, { claim: 0 }, { attempt: '1' }, { state: 'lost' }, { backoffSeconds: -1 }]

test('rejects an object that is not a document of this version, and does not overwrite it', async () => {
  const texts = [...foreign, ...incomplete, ...invalid.map((change) => JSON.stringify({ ...document(), ...change }))]
  for (const text of texts) {
    const { documents, storage } = prepare()
    const etag = storage.put(KEY, text)
    const error = await rejection(documents.read(JOB))
    assert.is(error.code, 'internal.document', text)
    assert.match(error.message, new RegExp(JOB))
    assert.is((await rejection(documents.write(draft(), null))).code, 'internal.document')
    assert.equal([storage.objects.get(KEY)?.text, storage.objects.get(KEY)?.etag], [text, etag])
  }
})
