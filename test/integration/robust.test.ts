import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PurgeQueueCommand } from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode, startFleet } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { createGate, gateCode } from '../helpers/gate.ts'
import { tinyVideo } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('faulty plugins, listeners and late messages'))

test.exhaustive('logs a listener that rejects, without an effect on jobs', async () => {
  const more = `onEvent: async () => { throw new Error('webhook is down') },`
  await using fleet = await startFleet({ code: noteCode, chain: '[note(), upload()]', more })
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  assert.is((await fleet.waitUntilFinished('origin_a.mp4')).state, 'succeeded')
  const failures = fleet.daemons[0]?.entries.filter(({ event }) => event === 'listener.failed') ?? []
  assert.ok(failures.length >= 3)
  assert.ok(failures.every(({ error }) => (error as Error).message === 'webhook is down'))
  assert.is(await fleet.daemons[0]?.stop(), 0)
})

test('passes the timings, bytes, duration and result of a job to a listener', async () => {
  const more = `onEvent: (event) => console.log(JSON.stringify({ emitted: event })),`
  await using fleet = await startFleet({ code: noteCode, chain: '[note(), upload()]', more })
  const [daemon] = fleet.daemons
  assert.ok(daemon)
  const video = await tinyVideo()
  await fleet.cloud.put('origin_a.mp4', video)
  const find = (type: string) => daemon.entries.flatMap(({ emitted }) => (hasType(emitted, type) ? [emitted] : []))
  await until('the job:succeeded event is emitted', () => find('job:succeeded').length > 0)
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  const [started, succeeded] = [find('job:started')[0], find('job:succeeded')[0]]
  const job = { id: document.id, key: 'origin_a.mp4', attempt: 1, claim: 1 }
  assert.equal(started, { type: 'job:started', ...job, source: document.source })
  const { outputs, timings, media } = document
  const bytes = { bytesIn: video.length, bytesOut: outputs[0]?.sizeBytes }
  const { seconds, ...rest } = succeeded ?? {}
  const usage = { plugins: timings.plugins, mediaSeconds: media?.durationSeconds, ...bytes }
  assert.equal(rest, { type: 'job:succeeded', ...job, ...usage, outputs })
  assert.ok(Number(seconds) > 0 && Number(usage.mediaSeconds) > 0)
  assert.ok(find('poll:finished').some(({ messages }) => messages === 1))
})

const hasType = (event: unknown, type: string): event is Record<string, unknown> =>
  (event as { type?: string } | undefined)?.type === type

const broken = `
const broken = definePlugin('broken', z.object({}), () => ({
  keys: ['x_{name}.svg', 'x_{name}.mp4'],
  async run({ workspace, add }) {
    await writeFile(join(workspace, 'x.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
    await add('x.svg', 'drawing', { key: 'x_{name}.svg', contentType: 'image/svg+xml' })
    await writeFile(join(workspace, 'x.mp4'), 'half a video')
    await add('x.mp4', 'video', { key: 'x_{name}.mp4', contentType: 'video/mp4' })
  },
}))`

test.exhaustive('retries a job whose output cannot be read: the source is not the cause', async () => {
  await using fleet = await startFleet({ code: broken, chain: '[broken(), upload()]' })
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.attempt, document.error?.code], ['dead', 3, 'internal.output'])
})

const stuck = `
const stuck = definePlugin('stuck', z.object({}), () => ({
  run({ log }) {
    log.info({ event: 'stuck.runs' }, 'running')
    return sleep(3_600_000, undefined, { ref: false })
  },
}))`

test.exhaustive('a daemon stops although a plugin ignores its signal', async () => {
  await using fleet = await startFleet({ code: stuck, chain: '[stuck()]', more: 'shutdown: { graceSeconds: 0 },' })
  const [daemon] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  await daemon?.waitFor('stuck.runs')
  assert.is(await daemon?.stop(), 0)
  const { state, warnings = [] } = (await fleet.document('origin_a.mp4')) ?? {}
  assert.is(state, 'released')
  assert.match(warnings.map(({ plugin, message }) => `${plugin} ${message}`).join(), /^stuck ignored its abort signal/)
  assert.is(fleet.countEvents('plugin.unresponsive', { plugin: 'stuck' }), 1)
})

test.exhaustive('fails a job whose plugin never returns, and names the plugin', async () => {
  const more = 'limits: { pluginSeconds: 1 }, job: { attempts: 1 },'
  await using fleet = await startFleet({ code: stuck, chain: '[stuck()]', more })
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const { state, error } = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([state, error?.code, error?.plugin], ['dead', 'internal.plugin_timeout', 'stuck'])
})

test.exhaustive('an idle daemon claims a released job immediately', async () => {
  const more = 'shutdown: { graceSeconds: 0 },'
  await using gate = await createGate()
  await using fleet = await startFleet({
    code: gateCode,
    env: gate.env,
    chain: '[gate({ claims: 1 }), upload()]',
    more,
  })
  const [first] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  await first?.waitFor('job.started')
  const second = await fleet.start()
  assert.is(await first?.stop(), 0)
  await second.waitFor('job.started')
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.attempt, document.claim], [1, 2])
  // a message sent before the document was written would have been postponed until the end of the lease
  assert.is(
    second.entries.filter(({ event, decision }) => event === 'message.decided' && decision === 'postpone').length,
    0,
  )
})

test.exhaustive('ignores a late notification of an upload that has been replaced', async () => {
  await using fleet = await startFleet({ code: noteCode, chain: '[note(), upload()]' })
  const video = await tinyVideo()
  const etag = await fleet.cloud.put('origin_a.mp4', video)
  const first = await fleet.waitUntilFinished('origin_a.mp4')
  await fleet.waitUntilDrained()
  const later = (change: object) => toNotificationBody({ ...first.source, ...change })
  await fleet.cloud.sqs.send(new PurgeQueueCommand({ QueueUrl: fleet.cloud.local.queueUrls.work }))
  // another video was uploaded and then this one again; the message of the second upload came first, as a duplicate
  await fleet.notify(later({ etag: createHash('md5').update('gone').digest('hex'), sequencer: 'f'.repeat(40) }))
  const document = await until('the existing object is processed', async () => {
    const current = await fleet.document('origin_a.mp4')
    return current && current.claim > 1 && current.state === 'succeeded' ? current : null
  })
  assert.is(document.source.etag, etag)
  assert.is(document.source.bucket, BUCKET)
  await fleet.waitUntilDrained()
})

test.exhaustive('mediad run does not overwrite its sources', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'video.mp4')
  await writeFile(file, await tinyVideo())
  const config = `
import { defineConfig } from 'mediad'
import { transcode, upload } from 'mediad/plugins'
const url = 'http://localhost/'
export default defineConfig({
  bucket: 'media',
  queues: { work: { url: url + 'w' }, inProgress: { url: url + 'i' }, dead: { url: url + 'd' } },
  plugins: [transcode({ key: '{name}.mp4', preset: 'ultrafast' }), upload()],
})`
  await using run = await startMediad(['run', file, '--out', folder.path], { config })
  assert.is(await run.ended, 1)
  assert.ok(run.entries.some(({ code }) => code === 'output.exists'))
  assert.ok((await readFile(file)).equals(await tinyVideo()))
})
