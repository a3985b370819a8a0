/** Third-party files, which are in a folder beside the repository and not part of it. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { dash, hls, transcode, upload } from '../../plugins/index.ts'
import { openFileBench, type FileBench, type Ran } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { validateDash } from './validate-dash.ts'
import { validateHls } from './validate-hls.ts'

const test = suite('corpus as presentations', { exhaustive: true })

const corpus = join(import.meta.dirname, '../../../shared/corpus')
/** Larger files show nothing more, and neither does one of six minutes. */
const MAX_BYTES = 3e6
const TOO_LONG = 'long_180p_av1.mp4'

/** Bit rates and frame rates of short files vary more than the rules for whole videos allow. */
const short = /^(?:peak|BANDWIDTH|bandwidth|FRAME-RATE|frameRate)/

if (!existsSync(corpus)) test.skip('files', 'no corpus beside the repository')
else {
  let bench: FileBench
  test.before(async () => {
    bench = await openFileBench()
  })
  test.after(async () => bench[Symbol.asyncDispose]())
  for (const folder of ['valid', 'malformed'])
    for (const name of readdirSync(join(corpus, folder)).filter(isSmall(folder)))
      test(`${folder}/${name} ends as it does as one file, or in a valid presentation`, async () => {
        const path = join(corpus, folder, name)
        const renditions = transcode({ preset: 'ultrafast', renditions: [{ height: 120 }] })
        const presentation = await bench.run(path, [renditions, hls(), dash(), upload()])
        const single = transcode({ preset: 'ultrafast', copy: 'never', maxHeight: 120 })
        const file = await bench.run(path, [single, upload()])
        assert.is(toEnd(presentation), toEnd(file))
        if (presentation.ok) assert.equal(await findProblems(presentation.outputs), [])
      })
}

function isSmall(folder: string): (name: string) => boolean {
  return (name) => name !== TOO_LONG && statSync(join(corpus, folder, name)).size <= MAX_BYTES
}

const toEnd = (ran: Ran): string => (ran.ok ? 'ok' : `${ran.code}: ${ran.message}`)

async function findProblems(outputs: readonly { key: string; path: string }[]): Promise<string[]> {
  const files = new Map(await Promise.all(outputs.map(async ({ key, path }) => [key, await readFile(path)] as const)))
  const master = [...files.keys()].find((key) => key.endsWith('/master.m3u8'))
  if (master === undefined) return [] // a still image
  const problems = [
    ...validateHls(files, master),
    ...validateDash(files, master.replace('master.m3u8', 'manifest.mpd')),
  ]
  return problems.filter((problem) => !short.test(problem))
}
