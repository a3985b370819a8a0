/** A program for tests that kill it: runs ffmpeg in real time on a file. Arguments: `SOURCE WORKSPACE`. */
import { join } from 'node:path'
import { createFfmpeg } from '../../daemon/ffmpeg/ffmpeg.ts'
import { openPrograms } from '../../daemon/programs/programs.ts'
import { createTestLog } from './context.ts'
import { limits } from './probes.ts'

const [input = '', workspace = ''] = process.argv.slice(2)
const programs = await openPrograms({ ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: workspace })
await createFfmpeg({ programs, stallSeconds: 30, limits }).run({
  command: { inputOptions: ['-re'], outputs: [{ path: join(workspace, 'out.mp4'), options: ['-c', 'copy'] }] },
  input,
  workspace,
  signal: new AbortController().signal,
  log: createTestLog(),
})
