import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quote } from '../../daemon/programs/shell.ts'
import { findProgram } from './commands.ts'

/**
 * Writes a script that stands for ffprobe: its first run for a file runs the real one, the others print the same. So a measure
 * of everything else does not contain the 0.1 s that ffprobe needs to start. Returns its path.
 */
export async function writeProbeStub(folder: string): Promise<string> {
  const path = join(folder, 'ffprobe')
  const real = quote(findProgram('ffprobe'))
  const cached = (name: string) => {
    const cache = quote(join(folder, name))
    return `[ -e ${cache} ] || { ${real} "$@" > ${cache}.$$ && mv ${cache}.$$ ${cache}; } && exec cat ${cache}`
  }
  await writeFile(path, `#!/bin/sh\nif [ "$1" = -version ]; then ${cached('version')}; fi\n${cached('probe')}\n`)
  await chmod(path, 0o755)
  return path
}

/** Writes a script that stands for ffmpeg: it notes the time at which it starts. Returns its path. */
export async function writeTimedFfmpeg(folder: string, log: string): Promise<string> {
  const path = join(folder, 'ffmpeg')
  const lines = [
    '#!/bin/bash',
    `echo "$EPOCHREALTIME" >> ${quote(log)}`,
    `exec ${quote(findProgram('ffmpeg'))} "$@"`,
    '',
  ]
  await writeFile(path, lines.join('\n'))
  await chmod(path, 0o755)
  return path
}
