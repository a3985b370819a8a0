import * as assert from 'uvu/assert'
import { createJobIndex } from '../../daemon/job/job-index.ts'
import { createPages, type PageRead } from '../../daemon/operate/pages.ts'
import { createDocuments } from '../../daemon/job/documents.ts'
import type { List } from '../../daemon/storage/list.ts'
import type { Identity } from '../../daemon/vocabulary/identity.ts'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { createFakeClock, createFakeStorage, document } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('lists of jobs')

const START = Date.UTC(2026, 0, 1)
const ann: Identity = { id: 'ann' }

const keyOf = (id: string) => `.mediad/jobs/${id}.json`

/** A bucket in memory with jobs, and the pages of it. `requests` counts the pages of lists that were requested. */
function createBucket() {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const counted = { lists: 0 }
  const modified = new Map<string, Date>()
  const list: List = async function* (prefix, _, { after = '', pageSize = 1000 } = {}) {
    let last = after
    for (;;) {
      counted.lists++
      const keys = [...storage.objects.keys()].filter((key) => key.startsWith(prefix) && key > last).toSorted()
      const page = keys.slice(0, pageSize)
      yield page.map((key) => ({ key, modifiedAt: modified.get(key) ?? new Date(START) }))
      last = page.at(-1) ?? last
      if (keys.length <= pageSize) return
    }
  }
  const statePrefix = '.mediad/'
  const documents = createDocuments({ storage, prefix: statePrefix, clock })
  const index = createJobIndex({ storage, list, statePrefix })
  const pages = createPages({ list, documents, index, statePrefix, clock })
  return {
    clock,
    storage,
    counted,
    pages,
    /** Adds a job whose source was uploaded `seconds` after the start. */
    async add(name: string, seconds: number, change: Partial<JobDocument> = {}) {
      const key = `origin_${name}.mp4`
      const id = toJobId('media', key)
      const source = { bucket: 'media', key, etag: `e-${name}`, sizeBytes: 1, ...change.source }
      const job = document({ id, state: 'succeeded', ...change, source })
      storage.put(keyOf(id), JSON.stringify(job))
      const uploadedAt = new Date(START + seconds * 1000)
      modified.set(keyOf(id), uploadedAt)
      if (job.identity !== undefined) await index.add(job, { identity: job.identity, uploadedAt })
      return id
    },
    remove: (id: string) => storage.remove(keyOf(id)),
  }
}

type PageRequest = { limit: number; cursor: string | null }
type Bucket = ReturnType<typeof createBucket>

async function readPage(
  { pages }: Bucket,
  identity: Identity | null,
  { cursor = null, limit = 3 }: Partial<PageRequest> = {},
) {
  const page = await pages.read(identity, { limit, cursor })
  assert.type(page, 'object')
  return page as PageRead
}

const toNames = ({ jobs }: PageRead) => jobs.map(({ source }) => source.key.slice(7, -4)).join(' ')

for (const identity of [ann, null]) {
  const change = identity ? { identity: identity.id } : {}
  const who = identity ? 'of an identity' : 'of everyone'

  test(`lists the jobs ${who}, the newest first, in pages`, async () => {
    const bucket = createBucket()
    for (const [n, name] of ['a', 'b', 'c', 'd', 'e', 'f', 'g'].entries()) await bucket.add(name, n, change)
    const first = await readPage(bucket, identity)
    const second = await readPage(bucket, identity, { cursor: first.cursor })
    const third = await readPage(bucket, identity, { cursor: second.cursor })
    assert.equal([first, second, third].map(toNames), ['g f e', 'd c b', 'a'])
    assert.is(third.cursor, null)
    const all = await readPage(bucket, identity, { limit: 7 })
    assert.equal([toNames(all), all.cursor], ['g f e d c b a', null])
  })

  test(`jobs ${who} appear once, whatever is added and deleted while a client reads the pages`, async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = createRandom(seed)
      const bucket = createBucket()
      const stable = new Set<string>()
      const others: string[] = []
      for (let n = 0; n < 5 + random(20); n++) {
        const id = await bucket.add(`s${n}`, random(8), change)
        if (random(4) === 0) others.push(id)
        else stable.add(id)
      }
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page: PageRead = await readPage(bucket, identity, { cursor, limit: 1 + random(6) })
        seen.push(...page.jobs.map(({ id }) => id))
        cursor = page.cursor
        for (let n = random(4); n > 0; n--)
          others.push(await bucket.add(`n${seed}-${random(1e6)}`, 8 + random(9), change))
        const gone = others[random(others.length || 1)]
        if (gone !== undefined && random(2) === 0) await bucket.remove(gone)
        await bucket.clock.advance(random(2) * 6000)
      } while (cursor !== null)
      assert.is(new Set(seen).size, seen.length, `seed ${seed}: a job was listed twice`)
      assert.equal(
        [...stable].filter((id) => !seen.includes(id)),
        [],
        `seed ${seed}`,
      )
    }
  })

  test(`skips documents that were deleted or cannot be read, ${who}`, async () => {
    const bucket = createBucket()
    const ids: string[] = []
    for (let n = 0; n < 40; n++) ids.push(await bucket.add(String(n).padStart(2, '0'), n, change))
    for (const id of ids.slice(3, 30)) await bucket.remove(id)
    bucket.storage.put(`.mediad/jobs/${ids[2]}.json`, '{"version": 99}')
    const page = await readPage(bucket, identity, { limit: 13 })
    assert.equal([toNames(page), page.cursor], ['39 38 37 36 35 34 33 32 31 30 01 00', null])
  })
}

test('a page ends early after many deleted documents, and the next one goes on', async () => {
  const bucket = createBucket()
  const ids: string[] = []
  for (let n = 0; n < 500; n++) ids.push(await bucket.add(String(n).padStart(3, '0'), n, { identity: 'ann' }))
  for (const id of ids.slice(1)) await bucket.remove(id)
  const counts: number[] = []
  let cursor: string | null = null
  do {
    const before = bucket.storage.calls.length
    const page: PageRead = await readPage(bucket, ann, { cursor, limit: 10 })
    counts.push(page.jobs.length)
    cursor = page.cursor
    assert.ok(bucket.storage.calls.length - before <= 230)
  } while (cursor !== null)
  assert.equal(counts, [0, 0, 1])
})

test('an identity sees only its own jobs', async () => {
  const bucket = createBucket()
  await bucket.add('a', 1, { identity: 'ann' })
  await bucket.add('b', 2, { identity: 'bob' })
  await bucket.add('c', 3)
  assert.is(toNames(await readPage(bucket, ann)), 'a')
  assert.is(toNames(await readPage(bucket, { id: 'eve' })), '')
})

test('a later upload to the same key replaces the entry of the earlier one', async () => {
  const bucket = createBucket()
  await bucket.add('a', 1, { identity: 'ann' })
  await bucket.add('b', 2, { identity: 'ann' })
  const source = { bucket: 'media', key: 'origin_a.mp4', etag: 'second', sizeBytes: 1 }
  await bucket.add('a', 3, { identity: 'ann', source })
  assert.is(toNames(await readPage(bucket, ann)), 'a b')
  await bucket.add('a', 3, { identity: 'ann', source }) // another attempt
  assert.is(toNames(await readPage(bucket, ann)), 'a b')
})

test('a list costs one request and one per job', async () => {
  const bucket = createBucket()
  for (let n = 0; n < 30; n++) await bucket.add(`j${n}`, n, { identity: 'ann' })
  bucket.storage.calls.length = 0
  bucket.counted.lists = 0
  const page = await readPage(bucket, ann, { limit: 5 })
  assert.is(page.jobs.length, 5)
  assert.equal([bucket.counted.lists, bucket.storage.calls.length], [1, 5])
  // without identities, all keys are listed, at most every 5 s
  await Promise.all([1, 2, 3].map(() => readPage(bucket, null, { limit: 5 })))
  assert.equal([bucket.counted.lists, bucket.storage.calls.length], [2, 20])
})

test('rejects a cursor that is not from a list of this kind', async () => {
  const bucket = createBucket()
  for (let n = 0; n < 9; n++) await bucket.add(`j${n}`, n, { identity: 'ann' })
  const { cursor: own } = await readPage(bucket, ann)
  const { cursor: all } = await readPage(bucket, null)
  for (const [identity, cursor] of [
    [ann, all],
    [null, own],
    [ann, 'x'],
    [null, '../..'],
    [ann, `${own}AAAA`],
  ] as const)
    assert.is(await bucket.pages.read(identity, { limit: 3, cursor }), 'invalid_cursor')
})

/** Returns a function that returns random integers below a limit. */
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2654435761
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
