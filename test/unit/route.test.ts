/** A config has exactly one route at present, but the code behind it supports any number. */
import * as assert from 'uvu/assert'
import { findAmbiguousRoutes } from '../../daemon/config/routes.ts'
import { createJobs } from '../../daemon/operate/jobs.ts'
import { createRequeue } from '../../daemon/operate/requeue.ts'
import { createDocuments } from '../../daemon/job/documents.ts'
import { renderKey } from '../../daemon/protocol/keys.ts'
import { parseNotification, toNotificationBody } from '../../daemon/protocol/notification.ts'
import { findRoute, type Route } from '../../daemon/protocol/route.ts'
import { createFakeQueues, createFakeStorage, JOB, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const videos: Route = { name: 'videos', prefix: 'in/', plugins: [] }
const clips: Route = { name: 'clips', prefix: 'in/clips/', plugins: [] }
const songs: Route = { name: 'songs', prefix: 'songs/', plugins: [] }
const routes = [videos, clips, songs] as const
const scope = { bucket: 'media', routes }

const expected: readonly (readonly [key: string, name: string | undefined])[] = [
  ['in/a.mp4', 'videos'],
  ['in/clips', 'videos'],
  ['in/clips/a.mp4', 'clips'],
  ['songs/in/clips/a.mp3', 'songs'],
  ['in', undefined],
  ['out/in/a.mp4', undefined],
  ['', undefined],
]

const test = suite('route')

test('finds the route with the longest prefix, in any order of routes', () => {
  for (const [key, name] of expected) {
    assert.is(findRoute(routes, key)?.name, name, key)
    assert.is(findRoute(routes.toReversed(), key)?.name, name, key)
  }
})

test('resolves the route of the source in a notification', () => {
  for (const [key, name] of expected.slice(0, 6)) {
    const found = parseNotification(toNotificationBody({ ...source, key }), scope)
    assert.equal(found.kind === 'sources' ? found.sources.map(({ route }) => route.name) : [undefined], [name], key)
  }
})

test('resolves the route of each source in a notification, also after a redrive', () => {
  const records = ['in/a.mp4', 'in/clips/b.mp4'].flatMap(
    (key) => (JSON.parse(toNotificationBody({ ...source, key, redrive: 2 })) as { Records: object[] }).Records,
  )
  const found = parseNotification(JSON.stringify({ Records: records }), scope)
  assert.equal(
    found.kind === 'sources' && found.sources.map(({ route, source: { redrive } }) => [route.name, redrive]),
    [
      ['videos', 2],
      ['clips', 2],
    ],
  )
})

test('removes the prefix of the route for {name}, and rejects a key under any source prefix', () => {
  const at = { id: JOB, version: 'v1', source: { ...source, key: 'in/clips/a.mp4' }, routes, statePrefix: '.mediad/' }
  assert.is(renderKey('out/{name}.mp4', { ...at, route: clips }), 'out/a.mp4')
  assert.is(renderKey('out/{name}.mp4', { ...at, route: videos }), 'out/clips/a.mp4')
  for (const key of ['in/{name}', 'in/clips/{name}', 'songs/{name}'])
    assert.throws(() => renderKey(key, { ...at, route: clips }), /source prefix/, key)
})

test('requeues a new source of any route', async () => {
  const storage = createFakeStorage()
  const queues = createFakeQueues(storage.calls)
  const documents = createDocuments({ storage, prefix: '.mediad/' })
  const jobs = createJobs({ list: async function* () {}, documents, bucket: 'media', statePrefix: '.mediad/' })
  const limits = { attempts: 3, leaseSeconds: 60, recheckSeconds: 30 }
  const requeue = createRequeue({ jobs, queues, storage, scope, limits })
  for (const key of ['in/clips/a.mp4', 'songs/a.mp3', 'out/a.mp4']) storage.put(key, 'x')
  const run = async (name: string) => (await requeue({ name }).next()).value ?? undefined
  assert.is((await run('in/clips/a.mp4'))?.done, true)
  assert.is((await run('songs/a.mp3'))?.done, true)
  const { done, detail } = (await run('out/a.mp4')) ?? {}
  assert.is(done, false)
  assert.match(detail ?? '', /sources start with in\/ or in\/clips\/ or songs\/$/)
})

test('reports equal prefixes as ambiguous, but not nested ones', () => {
  assert.equal(findAmbiguousRoutes(routes), [])
  const [problem, ...more] = findAmbiguousRoutes([videos, clips, { ...clips, name: 'other' }])
  assert.equal([problem?.path, more], [['routes', 2], []])
  assert.match(problem?.message ?? '', /"in\/clips\/".*routes\[1\]/)
})
