import { execFileSync } from 'node:child_process'

/** The versions of ffmpeg that the tests are run with, from old to new. */
export const testedVersions = ['5.1', '7.1', '9.0'] as const
export type TestedVersion = (typeof testedVersions)[number]

/** The newest tested version that is not newer than the ffmpeg on PATH; of a build without a number, the newest. */
export const ffmpegVersion: TestedVersion = toTested(readVersion())

/** The value for the version on PATH: the one given for it, or else for the next older version. */
export function byVersion<T>(values: { readonly '5.1': T } & { readonly [Version in TestedVersion]?: T }): T {
  const older = testedVersions.slice(0, testedVersions.indexOf(ffmpegVersion) + 1)
  const found = older.findLast((version) => version in values) ?? '5.1'
  return values[found] as T
}

/** Whether a list of versions such as `7.1 9.0` has the one on PATH. */
export function isOfVersion(versions: string): boolean {
  return versions.split(' ').includes(ffmpegVersion)
}

function readVersion(): number {
  const text = execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' })
  return Number(/^ffmpeg version n?(\d+\.\d+)/.exec(text)?.[1] ?? Infinity)
}

function toTested(version: number): TestedVersion {
  return testedVersions.findLast((tested) => Number(tested) <= version) ?? '5.1'
}
