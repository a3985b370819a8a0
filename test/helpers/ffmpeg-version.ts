import { execFileSync } from 'node:child_process'
import { testedVersions, toRelease } from '../../daemon/programs/versions.ts'

export type TestedRelease = (typeof testedVersions)[number]['release']
const releases = testedVersions.map(({ release }) => release)

/** The newest tested release that is not newer than the ffmpeg on PATH; the newest one for a build that is not a release. */
export const ffmpegRelease: TestedRelease = toTested(readRelease())

/** Returns the value for the ffmpeg on PATH: the one of its release, or else of the next older release. */
export function byRelease<T>(values: { readonly '5.1': T } & { readonly [Release in TestedRelease]?: T }): T {
  const found = releases.slice(0, releases.indexOf(ffmpegRelease) + 1).findLast((release) => release in values)
  return values[found ?? '5.1'] as T
}

/** Whether a list of releases such as `7.1 9.0` has the one on PATH. */
export function isOfRelease(list: string): boolean {
  return list.split(' ').includes(ffmpegRelease)
}

function readRelease(): string | null {
  const text = execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' })
  return toRelease(/^ffmpeg version (\S+)/.exec(text)?.[1] ?? '')
}

function toTested(release: string | null): TestedRelease {
  if (release === null) return releases.at(-1) ?? '5.1'
  return releases.findLast((tested) => Number(tested) <= Number(release)) ?? '5.1'
}
