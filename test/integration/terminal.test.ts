/** Tests what a terminal does: it sends SIGINT at Ctrl-C to every process of the group in its foreground. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { paceCode, startFleet, type Fleet } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { isAlive, waitForProcess } from '../helpers/liveness.ts'
import { longVideo, makeVideo } from '../helpers/media.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { startMediad, type Mediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const CTRL_C = '\x03'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const test = suite('terminal')
const row = runInParallel(test)
const skip = (name: string) => test.skip(name, 'script (util-linux) not found')
const [add, rest] = hasScript() ? [row, row.exhaustive] : [skip, skip]

add('Ctrl-C lets the running job finish, in its first attempt', async () => {
  await using fleet = await startInTerminal()
  const { daemon, ffmpeg } = await startJob(fleet, 6)
  await until('ffmpeg reports progress', async () => (await fleet.document('origin_a.mp4'))?.progress.plugin === 'pace')
  daemon.press(CTRL_C)
  await daemon.waitFor('daemon.stopping')
  await daemon.ended
  const document = await fleet.document('origin_a.mp4')
  assert.equal([document?.state, document?.attempt], ['succeeded', 1])
  assert.not.ok(isAlive(ffmpeg))
})

rest('Ctrl-C twice ends the daemon and its ffmpeg', async () => {
  await using fleet = await startInTerminal()
  const { daemon, ffmpeg } = await startJob(fleet, 120)
  daemon.press(CTRL_C)
  await daemon.waitFor('daemon.stopping')
  daemon.press(CTRL_C)
  await daemon.ended
  await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
})

rest('Ctrl-C ends mediad run and its ffmpeg', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video, { seconds: 60, width: 640, height: 360 })
  await using command = await startMediad(['run', video, '--out', folder.path], { config: slowConfig, terminal: true })
  const ffmpeg = await waitForProcess('ffmpeg', `${folder.path}/video.mp4`)
  command.press(CTRL_C)
  await command.ended
  await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
})

rest('Ctrl-C ends mediad tune and its ffmpeg, shows the cursor again, and the exit code is 130', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video, { seconds: 60, width: 640, height: 360 })
  const config = join(folder.path, 'media.config.ts')
  await writeFile(config, slowConfig)
  await mkdir(join(folder.path, 'node_modules'))
  await symlink(join(import.meta.dirname, '../..'), join(folder.path, 'node_modules/mediad'))
  const main = join(import.meta.dirname, '../../daemon/main.ts')
  const command = [process.execPath, '--conditions=source', main, 'tune', video, '--config', config].join(' ')
  const env = { ...process.env, TMPDIR: folder.path }
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], { env })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
  const ended = once(child, 'close')
  await until('it shows its progress', () => shown.includes(HIDE_CURSOR) && shown.includes('first run'))
  const ffmpeg = await waitForProcess('ffmpeg', `${folder.path}/mediad`)
  child.stdin.write(CTRL_C)
  assert.is((await ended)[0], 130, shown)
  assert.ok(shown.lastIndexOf(SHOW_CURSOR) > shown.lastIndexOf(HIDE_CURSOR), JSON.stringify(shown))
  await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
  const left = (await readdir(folder.path)).filter((name) => name.startsWith('mediad'))
  assert.equal(left, [])
})

rest('Ctrl-C in the demo shows the cursor again', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video)
  const demo = join(import.meta.dirname, '../../examples/demo.ts')
  const command = [process.execPath, '--conditions=source', demo, video, '--out', folder.path].join(' ')
  const env = { ...process.env, TMPDIR: folder.path }
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], { env })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
  const ended = once(child, 'close')
  await until('the demo shows its progress', () => shown.includes(HIDE_CURSOR))
  child.stdin.write(CTRL_C)
  assert.equal([(await ended)[0], shown.includes('Stopped.')], [130, true], shown)
  assert.ok(shown.lastIndexOf(SHOW_CURSOR) > shown.lastIndexOf(HIDE_CURSOR), JSON.stringify(shown))
})

const slowConfig = `
import { defineConfig } from 'mediad'
import { transcode, upload } from 'mediad/plugins'
export default defineConfig({ bucket: 'media', plugins: [transcode({ copy: 'never', preset: 'veryslow' }), upload()],
  queues: { work: { url: 'http://localhost/w' }, inProgress: { url: 'http://localhost/i' }, dead: { url: 'http://localhost/d' } } })`

const startInTerminal = () => startFleet({ code: paceCode, chain: '[pace(), upload()]', terminal: true })

/** Starts a job whose ffmpeg runs for as long as the video lasts. */
async function startJob(fleet: Fleet, seconds: number): Promise<{ daemon: Mediad; ffmpeg: number }> {
  const [daemon] = fleet.daemons
  assert.ok(daemon)
  await fleet.cloud.put('origin_a.mp4', await longVideo(seconds))
  return { daemon, ffmpeg: await waitForProcess('ffmpeg', daemon.folder) }
}

function hasScript(): boolean {
  try {
    execFileSync('script', ['--version'])
    return true
  } catch {
    return false
  }
}
