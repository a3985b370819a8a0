import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'

/** Describes this machine and the versions of the programs, in a line. */
export async function describeMachine(): Promise<string> {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))?.[1]
  const ffmpeg = /^ffmpeg version (\S+)/.exec(execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' }))?.[1]
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`
  const date = new Date().toISOString().slice(0, 10)
  return `${availableParallelism()} cores of ${cpu ?? process.arch}, ${memory}, Node ${process.versions.node}, ffmpeg ${ffmpeg}, ${date}`
}
