import { join } from 'node:path'
import { transcode, upload } from '../../../plugins/index.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { openFileBench, type FileBench } from '../../helpers/run-file.ts'
import { judge, toRange, toRatio, toSeconds, type Result } from '../report.ts'
import { toSpread } from '../statistics.ts'

/** Short sides of the renditions of 1080p. */
const SIDES = [1080, 720, 480, 360]

export type RenditionsSize = { seconds: number; rounds: number }

/** Compares the CPU time of four renditions in one run with that of one run for each, in turn. */
export async function measureRenditions({ seconds, rounds }: RenditionsSize): Promise<Result[]> {
  await using bench = await openFileBench({ stallSeconds: 600 })
  const source = join(bench.folder, 'source.mp4')
  const inputs = ['-f', 'lavfi', '-i', `testsrc2=size=1920x1080:rate=30:duration=${seconds}`]
  const audio = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`]
  await ffmpeg([...inputs, ...audio, '-c:v', 'libx264', '-preset', 'veryfast', '-c:a', 'aac', source])
  const together: number[] = []
  const alone: number[] = []
  for (let round = 0; round < rounds; round++) {
    together.push(await readCpu(bench, source, SIDES))
    let sum = 0
    for (const side of SIDES) sum += await readCpu(bench, source, [side])
    alone.push(sum)
  }
  const ratio = toSpread(together).median / toSpread(alone).median
  return [
    {
      measure: `CPU time of ${SIDES.length} renditions of 1080p in one run (H.264, veryfast, ${seconds} s)`,
      against: 'one run for each',
      ...judge(ratio, { atMost: 0.75 }, toRatio),
      detail: `${toRange(together, toSeconds)} against ${toRange(alone, toSeconds)}, ${rounds} rounds`,
    },
  ]
}

async function readCpu(bench: FileBench, source: string, sides: readonly number[]): Promise<number> {
  const renditions = sides.map((height) => ({ height }))
  const result = await bench.run(source, [transcode({ renditions, preset: 'veryfast' }), upload()])
  if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
  return result.timings.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
}
