import { execFileSync } from 'node:child_process'
import { testedVersions, toRelease } from '../../daemon/programs/versions.ts'

export type TestedRelease = (typeof testedVersions)[number]['release']
const releases = testedVersions.map(({ release }) => release)

/** The newest tested release that is not newer than the ffmpeg in PATH, or the newest one when that is not a release. */
export const ffmpegRelease: TestedRelease = toTested(readRelease())

/** Returns the value for the release of the ffmpeg in PATH, or for the next older release that has one. */
export function byRelease<T>(values: { readonly '5.1': T } & { readonly [Release in TestedRelease]?: T }): T {
  const found = releases.slice(0, releases.indexOf(ffmpegRelease) + 1).findLast((release) => release in values)
  return values[found ?? '5.1'] as T
}

/** Returns whether a list of releases, such as `7.1 9.0`, contains the release of the ffmpeg in PATH. */
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
