import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { openFileBench, type FileBench, type Ran } from '../helpers/run-file.ts'
import { measure } from '../media/measure.ts'
import {
  aac,
  encode,
  inputs,
  h264,
  videoInput,
  audioInput,
  createFiles,
  type Makers,
} from '../media/synthetic/files.ts'
import { cases, mutate, type Case } from './mutate.ts'

/** Very short files of many formats, so that rounds are fast. */
const tiny = { seconds: 0.6, size: '64x48' }
const fragments = ['-movflags', 'frag_keyframe+empty_moov+default_base_moof']
const covers = ['-map', '0', '-map', '1', '-frames:v', '1', '-c:v', 'mjpeg', '-disposition:v', 'attached_pic']
const makers: Makers = {
  'faststart.mp4': encode(inputs(tiny), h264, aac, '-movflags', '+faststart'),
  'index-last.mov': encode(inputs(tiny), h264, '-bf', '2', aac),
  'fragmented.mp4': encode(inputs(tiny), h264, aac, fragments),
  'hevc.mp4': encode(videoInput(tiny), '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none'),
  'video.mkv': encode(inputs(tiny), h264, aac),
  'video.webm': encode(
    inputs(tiny),
    '-c:v',
    'libvpx-vp9',
    '-deadline',
    'realtime',
    '-cpu-used',
    '8',
    '-c:a',
    'libopus',
  ),
  'video.avi': encode(inputs(tiny), '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  'video.ts': encode(inputs(tiny), h264, '-c:a', 'mp2'),
  'video.mpg': encode(inputs(tiny), '-c:v', 'mpeg2video', '-c:a', 'mp2'),
  'video.flv': encode(inputs(tiny), h264, aac),
  'video.wmv': encode(inputs(tiny), '-c:v', 'wmv2', '-c:a', 'wmav2'),
  'video.gif': encode(videoInput(tiny), '-r', '10'),
  'prores.mov': encode(videoInput(tiny), '-c:v', 'prores_ks'),
  'cover.mp3': encode(audioInput(tiny), videoInput(tiny), covers, '-c:a', 'libmp3lame', '-id3v2_version', '3'),
  'tone.flac': encode(audioInput(tiny)),
  'tone.wav': encode(audioInput(tiny)),
  'tone.ogg': encode(audioInput(tiny), '-c:a', 'libvorbis'),
  'tone.m4a': encode(audioInput(tiny), aac),
  'still.png': encode(videoInput(tiny), '-frames:v', '1', '-update', '1'),
  'still.jpg': encode(videoInput(tiny), '-frames:v', '1', '-update', '1'),
}

const corpus = join(import.meta.dirname, '../../../shared/corpus')
const CORPUS_BYTES = 60_000

/** Far more than these files need, but low enough to end a round soon. */
const limits = {
  durationSeconds: 3600,
  frames: 20_000,
  outputBytes: 50 * 2 ** 20,
  wallSeconds: 60,
  pixels: 4096 * 4096,
}
const ROUND_SECONDS = 180

export type Finding = { round: number; problem: string; path: string }
export type FuzzReport = { outcomes: Map<string, number>; findings: Finding[]; files: number }
export type FuzzOptions = {
  rounds: number
  seed: number
  /** Rounds that run at once. */
  jobs: number
  /** Run only this round, to reproduce it. */
  only?: number
  print(line: string): void
}

/**
 * Corrupts real files at random and runs the chain on each. The same seed gives the same files. Files with a finding
 * are kept in the system's temporary folder.
 */
export async function fuzz({ rounds, seed, jobs, only, print }: FuzzOptions): Promise<FuzzReport> {
  await using bench = await openFileBench({ stallSeconds: 30 })
  const files = await readFiles(bench.folder)
  const kept = await mkdtemp(join(tmpdir(), 'mediad-fuzz-'))
  const report: FuzzReport = { outcomes: new Map(), findings: [], files: files.length }
  const all = fc.sample(cases, { numRuns: rounds, seed }).map((edits, round) => ({ edits, round }))
  const queue = only === undefined ? all : all.filter(({ round }) => round === only)
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await runRound(next)
  }
  const runRound = async ({ edits, round }: { edits: Case; round: number }) => {
    const path = join(bench.folder, `round-${round}`)
    await writeFile(path, mutate(files, edits))
    const { outcome, problem } = await check(bench, path)
    report.outcomes.set(outcome, (report.outcomes.get(outcome) ?? 0) + 1)
    if (problem !== null) {
      const saved = join(kept, `seed-${seed}-round-${round}`)
      await writeFile(saved, await readFile(path))
      report.findings.push({ round, problem, path: saved })
      print(`round ${round}: ${problem}\n  ${saved}\n  ${JSON.stringify(edits)}`)
    }
    await rm(path)
  }
  await Promise.all(Array.from({ length: jobs }, work))
  if (report.findings.length === 0) await rm(kept, { recursive: true })
  return report
}

async function readFiles(folder: string): Promise<Buffer[]> {
  const sources = join(folder, 'sources')
  await mkdir(sources)
  const file = createFiles(sources, makers)
  const paths = await Promise.all(Object.keys(makers).map(file))
  return Promise.all([...paths, ...(await listCorpus())].map((path) => readFile(path)))
}

async function listCorpus(): Promise<string[]> {
  if (!existsSync(corpus)) return []
  const names = (await readdir(corpus, { recursive: true })).toSorted().map((name) => join(corpus, name))
  const sizes = await Promise.all(names.map(async (name) => ({ name, status: await stat(name) })))
  const fit = sizes.filter(
    ({ name, status }) => status.isFile() && status.size <= CORPUS_BYTES && /\/(?:valid|malformed)\//.test(name),
  )
  return fit.map(({ name }) => name)
}

type RoundResult = { outcome: string; problem: string | null }

/** Reports a hang, an error other than a rejection of the input, and outputs that cannot be decoded. */
async function check(bench: FileBench, path: string): Promise<RoundResult> {
  const plugins = [transcode({ preset: 'ultrafast', subtitles: 'webvtt' }), thumbnail({ width: 64 }), upload()]
  const timer = Promise.withResolvers<null>()
  const handle = setTimeout(() => timer.resolve(null), ROUND_SECONDS * 1000)
  const result = await Promise.race([bench.run(path, plugins, limits), timer.promise])
  clearTimeout(handle)
  if (result === null) return { outcome: 'hang', problem: `not finished within ${ROUND_SECONDS} s` }
  if (result.ok)
    return {
      outcome: result.warnings.length > 0 ? 'accepted with warnings' : 'accepted',
      problem: await findBrokenOutput(result),
    }
  const isRejection =
    result.verdict === 'reject' && (result.code.startsWith('input.') || result.code === 'resource.limit')
  const problem = `${result.code} (${result.plugin ?? 'probe'}): ${result.message}\n  ${result.stderr.join('\n  ')}`
  return { outcome: result.code, problem: isRejection ? null : problem }
}

async function findBrokenOutput({ outputs }: Extract<Ran, { ok: true }>): Promise<string | null> {
  for (const { path, key, kind } of outputs) {
    const { frames, streams } = await measure(path).catch(() => ({ frames: [], streams: [] }))
    if (streams.length === 0) return `${key} cannot be probed`
    if (kind !== 'subtitles' && kind !== 'subtitle' && frames.length === 0)
      return `${key} has no frame that can be decoded`
  }
  return null
}
