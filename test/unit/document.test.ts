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

/** Documents over an S3 in memory; pauses between tries take no time. */
function open() {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const quick = { ...clock, wait: () => turn() }
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: quick })
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

const loseReply: WriteScript = (perform) => {
  perform()
  throw transient('the reply was lost')
}
/** The SDK repeats a PUT whose reply was lost, and then tells the winner 412. */
const refuseWinner: WriteScript = (perform) => {
  perform()
  return 'refused'
}
const conflict: WriteScript = () => 'unsettled'
const unavailable: WriteScript = () => {
  throw transient('503')
}

const test = suite('document')

test('a document is created, read back, gets older by the clock of S3, and is replaced', async () => {
  const { documents, storage, clock } = open()
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

test('whoever comes second is told so, and changes nothing', async () => {
  const { documents, stored } = open()
  const first = won(await documents.write(draft({ owner: 'a/1' }), null))
  assert.is(await documents.write(draft({ owner: 'b/1' }), null), null)
  const second = won(await documents.write(draft({ owner: 'b/2', claim: 2 }), asSeen(first)))
  assert.is(await documents.write(draft({ owner: 'c/1', claim: 2 }), asSeen(first)), null)
  assert.equal(stored(), second.document)
})

test('a document that is gone is lost', async () => {
  const { documents, storage } = open()
  const first = won(await documents.write(draft(), null))
  await storage.remove(KEY)
  assert.is(await documents.write(draft(), first), null)
  assert.is(storage.objects.size, 0)
})

test('50 daemons create one document: one of them did', async () => {
  const { documents, stored } = open()
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, index) => documents.write(draft({ owner: `d/${index}` }), null)),
  )
  const winners = outcomes.filter((outcome) => outcome !== null)
  assert.is(winners.length, 1)
  assert.equal(stored(), winners[0]?.document)
})

test('50 daemons claim one document, half of the replies lost: one of them did', async () => {
  const { documents, storage, stored } = open()
  const first = won(await documents.write(draft({ state: 'released', owner: null }), null))
  const lossy: WriteScript[] = [loseReply, refuseWinner, conflict, unavailable]
  storage.writes.push(...Array.from({ length: 100 }, (_, n) => lossy[n % 4] ?? conflict))
  const claims = Array.from({ length: 50 }, (_, n) =>
    documents.write(draft({ owner: `d/${n}`, claim: 2 }), asSeen(first)),
  )
  const winners = (await Promise.all(claims)).filter((outcome) => outcome !== null)
  assert.is(winners.length, 1)
  assert.equal(stored(), winners[0]?.document)
})

const hiccups: Record<string, WriteScript[]> = {
  'the reply was lost': [loseReply],
  'S3 told the winner 412': [refuseWinner],
  '409 twice': [conflict, conflict],
  '503 twice': [unavailable, unavailable],
  '409, then the reply was lost': [conflict, loseReply],
  '503 that took effect, then 412': [loseReply, refuseWinner],
}

for (const [name, scripts] of Object.entries(hiccups)) {
  test(`the winner is told that it won: ${name}`, async () => {
    const { documents, storage, stored } = open()
    storage.writes.push(...scripts)
    const created = won(await documents.write(draft(), null))
    assert.equal(stored(), created.document)
    storage.writes.push(...scripts)
    const replaced = won(await documents.write(draft({ state: 'failed' }), created))
    assert.equal(stored(), replaced.document)
    assert.equal([replaced.document.rev, replaced.etag], [2, storage.objects.get(KEY)?.etag])
  })

  test(`the loser is told that it lost: ${name}`, async () => {
    const { documents, storage, stored } = open()
    const first = won(await documents.write(draft({ owner: 'a/1' }), null))
    storage.writes.push(...scripts)
    assert.is(await documents.write(draft({ owner: 'b/1' }), null), null)
    assert.equal(stored(), first.document)
  })
}

test('what is confirmed counts from the first send', async () => {
  const { documents, storage, clock } = open()
  const slow: WriteScript = () => clock.advance(7000).then(() => 'unsettled' as const)
  storage.writes.push(slow, slow)
  const start = clock.now()
  const written = won(await documents.write(draft(), null))
  assert.is(written.sentAt, start)
  assert.is(clock.now(), start + 14_000)
})

test('an S3 that gives no verdict: nothing is known', async () => {
  for (const script of [conflict, unavailable]) {
    const { documents, storage } = open()
    storage.writes.push(...Array.from({ length: 50 }, () => script))
    const error = await rejection(documents.write(draft(), null))
    assert.is(error.code, 'transient.storage')
    assert.ok(storage.writes.length > 30, 'it gave up in the end')
    assert.is(storage.objects.size, 0)
  }
})

test('a reply that is lost and a document that cannot be read back: nothing is known', async () => {
  const { documents, storage } = open()
  storage.writes.push(loseReply)
  storage.readErrors.push(transient('read 503'))
  assert.is((await rejection(documents.write(draft(), null))).message, 'read 503')
})

test('an error that is no weather is thrown as it is', async () => {
  const { documents, storage } = open()
  const error = new MediadError('config.storage', 'no bucket')
  storage.writes.push(() => {
    throw error
  })
  assert.is(await rejection(documents.write(draft(), null)), error)
  assert.equal(storage.calls, [`write ${KEY}`])
})

test('an aborted write throws the reason and tries no more', async () => {
  const { documents, storage } = open()
  const stop = new AbortController()
  storage.writes.push(() => {
    stop.abort(new Error('stopped'))
    throw transient()
  })
  assert.is((await rejection(documents.write(draft(), null, stop.signal))).message, 'stopped')
  assert.is(storage.calls.length, 1)
})

for (const state of ['processing', 'succeeded', 'failed', 'released', 'dead'] as const) {
  test(`a heartbeat that was given up and arrives late does not keep its owner from writing: ${state}`, async () => {
    const { documents, storage, stored } = open()
    const claimed = won(await documents.write(draft(), null))
    const late: { arrive?: () => WriteOutcome } = {}
    storage.writes.push((perform) => {
      late.arrive = perform
      throw new Error('black-holed')
    })
    await rejection(documents.write(draft({ progress: { plugin: 'x', percent: 10 } }), claimed))
    assert.type(late.arrive?.(), 'object')
    const owner = state === 'released' || state === 'dead' ? null : 'host/1'
    const next = won(await documents.write(draft({ state, owner }), claimed))
    assert.equal([stored(), next.document.rev, next.document.state], [next.document, 3, state])
  })
}

test('a late heartbeat of an old owner is no business of the new one', async () => {
  const { documents, stored } = open()
  const old = won(await documents.write(draft({ owner: 'a/1' }), null))
  const beat = won(await documents.write(draft({ owner: 'a/1' }), old))
  assert.is(await documents.write(draft({ owner: 'b/1', claim: 2 }), asSeen(old)), null)
  assert.equal(stored(), beat.document)
})

for (const state of ['processing', 'succeeded', 'failed'] as const) {
  test(`whoever buries a silent job does not bury what its owner wrote after all: ${state}`, async () => {
    const { documents, stored } = open()
    const silent = won(await documents.write(draft({ attempt: 5 }), null))
    const late = won(await documents.write(draft({ attempt: 5, state }), silent))
    const error = { code: 'internal.crashed', message: 'm', verdict: 'retry' } as const
    assert.is(await documents.write(toDeadDraft(silent.document, error), asSeen(silent)), null)
    assert.equal(stored(), late.document)
  })
}

const foreign = ['', 'null', '[]', '{"v":99}', '{', '\0', JSON.stringify({ ...document(), version: 2 })]
const halves = (['claim', 'source', 'state', 'owner', 'error', 'nonce', 'timings', 'history'] as const).map((name) =>
  JSON.stringify({ ...document(), [name]: undefined }),
)
const wrong = [{ id: 'f'.repeat(32) }, { claim: 0 }, { attempt: '1' }, { state: 'lost' }, { backoffSeconds: -1 }]

test('what is no document of this version is refused, and not overwritten', async () => {
  const texts = [...foreign, ...halves, ...wrong.map((change) => JSON.stringify({ ...document(), ...change }))]
  for (const text of texts) {
    const { documents, storage } = open()
    const etag = storage.put(KEY, text)
    const error = await rejection(documents.read(JOB))
    assert.is(error.code, 'internal.document', text)
    assert.match(error.message, new RegExp(JOB))
    assert.is((await rejection(documents.write(draft(), null))).code, 'internal.document')
    assert.equal([storage.objects.get(KEY)?.text, storage.objects.get(KEY)?.etag], [text, etag])
  }
})
