import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { openFileBench, type FileBench, type Ran } from '../helpers/run-file.ts'
import { measure } from '../media/measure.ts'
import { aac, by, film, h264, picture, sound, createFiles, type Makers } from '../media/synthetic/files.ts'
import { cases, mutate, type Case } from './mutate.ts'

/** One kind of everything, as short as can be: what is spoilt is the file, not the time. */
const tiny = { seconds: 0.6, size: '64x48' }
const fragments = ['-movflags', 'frag_keyframe+empty_moov+default_base_moof']
const covers = ['-map', '0', '-map', '1', '-frames:v', '1', '-c:v', 'mjpeg', '-disposition:v', 'attached_pic']
const makers: Makers = {
  'faststart.mp4': by(film(tiny), h264, aac, '-movflags', '+faststart'),
  'index-last.mov': by(film(tiny), h264, '-bf', '2', aac),
  'fragmented.mp4': by(film(tiny), h264, aac, fragments),
  'hevc.mp4': by(picture(tiny), '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none'),
  'film.mkv': by(film(tiny), h264, aac),
  'film.webm': by(film(tiny), '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'libopus'),
  'film.avi': by(film(tiny), '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  'film.ts': by(film(tiny), h264, '-c:a', 'mp2'),
  'film.mpg': by(film(tiny), '-c:v', 'mpeg2video', '-c:a', 'mp2'),
  'film.flv': by(film(tiny), h264, aac),
  'film.wmv': by(film(tiny), '-c:v', 'wmv2', '-c:a', 'wmav2'),
  'film.gif': by(picture(tiny), '-r', '10'),
  'prores.mov': by(picture(tiny), '-c:v', 'prores_ks'),
  'cover.mp3': by(sound(tiny), picture(tiny), covers, '-c:a', 'libmp3lame', '-id3v2_version', '3'),
  'tone.flac': by(sound(tiny)),
  'tone.wav': by(sound(tiny)),
  'tone.ogg': by(sound(tiny), '-c:a', 'libvorbis'),
  'tone.m4a': by(sound(tiny), aac),
  'still.png': by(picture(tiny), '-frames:v', '1', '-update', '1'),
  'still.jpg': by(picture(tiny), '-frames:v', '1', '-update', '1'),
}

const corpus = join(import.meta.dirname, '../../../shared/corpus')
const CORPUS_BYTES = 60_000

/** Far beyond what these files are worth, and far below the patience of whoever waits for the rounds. */
const limits = {
  durationSeconds: 3600,
  frames: 20_000,
  outputBytes: 50 * 2 ** 20,
  wallSeconds: 60,
  pixels: 4096 * 4096,
}
const ROUND_SECONDS = 180

export type Finding = { round: number; what: string; path: string }
export type FuzzReport = { outcomes: Map<string, number>; findings: Finding[]; files: number }
export type FuzzOptions = {
  rounds: number
  seed: number
  /** Rounds that run at once. */
  jobs: number
  /** Only this round, to look at it again. */
  only?: number
  say(line: string): void
}

/**
 * Spoils real files at random, and puts each through the chain. The same seed spoils the same files the same way. What is
 * found is kept in a folder of the system's temporary one.
 */
export async function fuzz({ rounds, seed, jobs, only, say }: FuzzOptions): Promise<FuzzReport> {
  await using bench = await openFileBench({ stallSeconds: 30 })
  const files = await readFiles(bench.folder)
  const kept = await mkdtemp(join(tmpdir(), 'mediad-fuzz-'))
  const report: FuzzReport = { outcomes: new Map(), findings: [], files: files.length }
  const all = fc.sample(cases, { numRuns: rounds, seed }).map((one, round) => ({ one, round }))
  const queue = only === undefined ? all : all.filter(({ round }) => round === only)
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await runRound(next)
  }
  const runRound = async ({ one, round }: { one: Case; round: number }) => {
    const path = join(bench.folder, `round-${round}`)
    await writeFile(path, mutate(files, one))
    const { outcome, complaint } = await judge(bench, path)
    report.outcomes.set(outcome, (report.outcomes.get(outcome) ?? 0) + 1)
    if (complaint !== null) {
      const saved = join(kept, `seed-${seed}-round-${round}`)
      await writeFile(saved, await readFile(path))
      report.findings.push({ round, what: complaint, path: saved })
      say(`round ${round}: ${complaint}\n  ${saved}\n  ${JSON.stringify(one)}`)
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
  const made = await Promise.all(Object.keys(makers).map(file))
  const paths = [...made, ...(await listCorpus())]
  return Promise.all(paths.map((path) => readFile(path)))
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

type Judgement = { outcome: string; complaint: string | null }

/** No crash, no hang, no error that nobody classified; and what comes out is what it should be. */
async function judge(bench: FileBench, path: string): Promise<Judgement> {
  const plugins = [transcode({ preset: 'ultrafast', subtitles: 'webvtt' }), thumbnail({ width: 64 }), upload()]
  const timer = Promise.withResolvers<null>()
  const handle = setTimeout(() => timer.resolve(null), ROUND_SECONDS * 1000)
  const ran = await Promise.race([bench.run(path, plugins, limits), timer.promise])
  clearTimeout(handle)
  if (ran === null) return { outcome: 'hang', complaint: `no end within ${ROUND_SECONDS} s` }
  if (ran.ok)
    return {
      outcome: ran.warnings.length > 0 ? 'accepted with warnings' : 'accepted',
      complaint: await findBroken(ran),
    }
  const isClear = ran.verdict === 'reject' && (ran.code.startsWith('input.') || ran.code === 'resource.limit')
  const complaint = `${ran.code} (${ran.plugin ?? 'probe'}): ${ran.message}\n  ${ran.stderr.join('\n  ')}`
  return { outcome: ran.code, complaint: isClear ? null : complaint }
}

async function findBroken({ outputs }: Extract<Ran, { ok: true }>): Promise<string | null> {
  for (const { path, key, kind } of outputs) {
    const { frames, streams } = await measure(path).catch(() => ({ frames: [], streams: [] }))
    if (streams.length === 0) return `${key} cannot be probed`
    if (kind !== 'subtitles' && kind !== 'subtitle' && frames.length === 0) return `nothing of ${key} decodes`
  }
  return null
}
