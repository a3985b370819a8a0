import * as assert from 'uvu/assert'
import { createWatches, type Watcher } from '../../daemon/http/jobs/stream/watch.ts'
import type { JobDocument, SeenDocument } from '../../daemon/vocabulary/job.ts'
import { createFakeClock, document, JOB, seen, transient, turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('watches of jobs')

/** Records what a watcher is told: revisions, `none` and `failed`. */
function createWatcher(): Watcher & { readonly told: string[] } {
  const told: string[] = []
  return {
    told,
    update: (found: JobDocument | null) => void told.push(found === null ? 'none' : String(found.rev)),
    fail: () => void told.push('failed'),
  }
}

type Read = (known: string | null) => Promise<SeenDocument | null | 'unchanged'>

function startWatches(read: Read) {
  const clock = createFakeClock()
  return { clock, watches: createWatches({ clock, read: (_, known) => read(known) }) }
}

test('a watcher that comes during a read is told nothing of it, because it may know a later document', async () => {
  const reads: PromiseWithResolvers<SeenDocument | 'unchanged'>[] = []
  const { clock, watches } = startWatches(() => {
    const read = Promise.withResolvers<SeenDocument | 'unchanged'>()
    reads.push(read)
    return read.promise
  })
  const [early, late] = [createWatcher(), createWatcher()]
  const stopEarly = watches.watch(JOB, early)
  await clock.advance(1000)
  const stopLate = watches.watch(JOB, late)
  reads[0]?.resolve(seen({ rev: 1 }))
  await turn()
  assert.equal([early.told, late.told], [['1'], []])
  await clock.advance(1000)
  reads[1]?.resolve('unchanged')
  await turn()
  assert.equal([early.told, late.told], [['1', '1'], ['1']])
  stopEarly()
  stopLate()
  assert.is(watches.count(), 0)
})

test('reads on after a failure, also of a document that was missing', async () => {
  const results: (SeenDocument | null | Error)[] = [null, transient(), seen({ rev: 1 }), transient(), seen({ rev: 2 })]
  const known: (string | null)[] = []
  const { clock, watches } = startWatches(async (etag) => {
    known.push(etag)
    const result = results.shift() ?? null
    if (result instanceof Error) throw result
    return result
  })
  const watcher = createWatcher()
  const stop = watches.watch(JOB, watcher)
  for (let n = 0; n < 20 && watcher.told.length < 6; n++) await clock.advance(1000)
  assert.equal(watcher.told, ['none', 'failed', '1', 'failed', '2', 'none'])
  assert.equal(known.slice(0, 5), [null, null, null, 'etag0', 'etag0'])
  stop()
  stop()
  await turn()
  assert.is(clock.pending(), 0)
})

test('a heartbeat alone slows the reads down, and a change makes them fast again', async () => {
  let rev = 0
  let percent = 0
  let reads = 0
  const { clock, watches } = startWatches(async () => {
    reads++
    rev++
    return { document: document({ rev, progress: { plugin: 'a', percent } }), etag: `e${rev}`, ageSeconds: 0 }
  })
  const countReads = async (seconds: number) => {
    const before = reads
    for (let n = 0; n < seconds; n++) await clock.advance(1000)
    return reads - before
  }
  const stop = watches.watch(JOB, createWatcher())
  await countReads(30)
  assert.is(await countReads(20), 4)
  percent = 1
  await countReads(5) // the change is read
  const fast = reads
  for (let n = 0; n < 10; n++) {
    percent++
    await clock.advance(1000)
  }
  assert.is(reads - fast, 10)
  stop()
})

test('the last watcher ends the reads, whichever it is', async () => {
  const { clock, watches } = startWatches(async () => seen())
  const stops = [1, 2, 3].map(() => watches.watch(JOB, createWatcher()))
  const [first, second, third] = stops
  second?.()
  first?.()
  assert.is(watches.count(), 1)
  third?.()
  await turn()
  assert.equal([watches.count(), clock.pending()], [0, 0])
})
