/** Runs `mediad tune` with the real ffmpeg. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Setting } from '../../daemon/cli/tune/grid.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('tune')

const toConfig = (chain: string, more = '') => `
import { defineConfig, definePlugin, z } from 'mediad'
import { transcode, upload } from 'mediad/plugins'
${more}
export default defineConfig({ bucket: 'media', plugins: ${chain},
  queues: { work: { url: 'http://localhost/w' }, inProgress: { url: 'http://localhost/i' }, dead: { url: 'http://localhost/d' } } })`

/** A plugin with an option for threads that starts no encoder. */
const sleepy = `
import { setTimeout as sleep } from 'node:timers/promises'
const sleepy = definePlugin('sleepy', z.object({ threads: z.int().optional() }), ({ threads }) => ({
  run: ({ signal }) => sleep(1000 / (threads ?? 1), undefined, { signal }),
}))`

test('measures settings of the config, stores nothing, and prints lines for the config', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video)
  await using command = await startMediad(['tune', video, '--seconds', '200'], {
    config: toConfig('[sleepy(), upload()]', sleepy),
    env: { MEDIAD_LOG_LEVEL: 'warn' },
  })
  assert.is(await command.ended, 0)
  const [start, ...rest] = command.entries
  assert.equal([start?.clipStartSeconds, start?.rounds], [null, 1])
  const last = rest.pop() as unknown as { recommended: Setting; config: string[] }
  const settings = rest.map(({ concurrency, threads }) => `${concurrency}×${threads ?? 'auto'}`)
  assert.is(settings.length, start?.settings)
  assert.is(settings[0], '1×auto')
  for (const { clipsPerHour, seconds } of rest) assert.ok(Number(clipsPerHour) > 0 && seconds === undefined)
  const { concurrency, threads } = last.recommended
  assert.ok(settings.includes(`${concurrency}×${threads ?? 'auto'}`))
  assert.match(last.config[0] ?? '', new RegExp(`^concurrency: ${concurrency}, +// in queues.work$`))
  assert.equal(await readdir(folder.path), ['video.mp4'])
  assert.equal(await readdir(join(command.folder, 'tmp')), [])
})

test.exhaustive('cuts a long file at a key frame, so that the chain copies what it would copy', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video, { seconds: 90, fps: 10 })
  await using command = await startMediad(['tune', video, '--seconds', '30'], {
    config: toConfig('[transcode(), upload()]'),
  })
  assert.is(await command.ended, 0)
  const start = command.entries.find(({ clipSeconds }) => clipSeconds !== undefined)
  const [from, seconds] = [Number(start?.clipStartSeconds), Number(start?.clipSeconds)]
  assert.ok(from > 0 && from <= 45 && seconds > 3 && seconds < 30, `${seconds} s from ${from} s on`)
  assert.equal(
    command.entries.filter(({ event }) => event === 'transcode.copy_rejected'),
    [],
  )
})

test.exhaustive('fails with the error of the chain, of the file, or of the time', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video)
  const config = toConfig(
    '[broken(), upload()]',
    "const broken = definePlugin('broken', z.object({}), () => ({ run() { throw new Error('no') } }))",
  )
  await using broken = await startMediad(['tune', video], { config })
  assert.is(await broken.ended, 1)
  assert.ok(broken.entries.some(({ code, plugin }) => code === 'internal.plugin' && plugin === 'broken'))
  await using missing = await startMediad(['tune', join(folder.path, 'none.mp4')], { config })
  assert.is(await missing.ended, 1)
  assert.ok(missing.entries.some(({ code }) => code === 'input.not_file'))
  await using brief = await startMediad(['tune', video, '--seconds', '1'], { config: toConfig('[sleepy()]', sleepy) })
  assert.is(await brief.ended, 1)
  assert.ok(brief.entries.some(({ code }) => code === 'resource.limit'))
})
