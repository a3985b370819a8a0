/**
 * The releases of ffmpeg that the tests run with, and where they come from. The README, docs/, the Dockerfile and the
 * fleet must name the same; test/unit/ffmpeg-versions.test.ts compares them.
 */
export const testedVersions = [
  { release: '5.1', suite: 'bookworm', from: 'Debian 12' },
  { release: '7.1', suite: 'trixie', from: 'Debian 13' },
  { release: '9.0', suite: 'sid', from: 'Debian unstable' },
] as const

/** The oldest release that mediad accepts. */
export const OLDEST_RELEASE = '5.1'

/** The versions that ffmpeg and ffprobe print, such as `5.1.9-0+deb12u1`. */
export type Versions = { readonly version: string; readonly probeVersion: string }

/**
 * Reads `major.minor` from the version that ffmpeg prints about itself: `7.1`, `n7.1-2-gabc`, `4.4.2-0ubuntu0.22.04.1`.
 * Returns null for builds of a git snapshot (`N-118000-g…`, `2024-01-01-git-…`), which are not a release.
 */
export function toRelease(version: string): string | null {
  const [, major, minor] = /^n?(\d{1,3})\.(\d{1,3})(?!\d)/.exec(version) ?? []
  return major === undefined || minor === undefined ? null : `${Number(major)}.${Number(minor)}`
}

/** Whether the tests run with this release. A development version (`n7.1-dev-…`) precedes the release and is not tested. */
export function isTested(version: string): boolean {
  return !/-dev\b/.test(version) && testedVersions.some(({ release }) => release === toRelease(version))
}

/** Whether this release is older than {@link OLDEST_RELEASE}. A snapshot is never too old: the trials find what it lacks. */
export function isTooOld(version: string): boolean {
  const release = toRelease(version)
  return release !== null && compareReleases(release, OLDEST_RELEASE) < 0
}

/** Returns the version and whether it is tested, as text for the operator. */
export function describeVersion(version: string): string {
  return `${version}, ${isTested(version) ? 'a tested version' : `not a tested version (${listTested()})`}`
}

/** Returns the warning for ffmpeg and ffprobe of different versions; null when the versions are equal. */
export function findMismatch({ version, probeVersion }: Versions): string | null {
  if (version === probeVersion) return null
  return `ffprobe is version ${probeVersion}, ffmpeg is version ${version}: install both from one package`
}

function listTested(): string {
  return `tested: ${testedVersions.map(({ release }) => release).join(', ')}`
}

function compareReleases(a: string, b: string): number {
  const [[majorA = 0, minorA = 0], [majorB = 0, minorB = 0]] = [a.split('.').map(Number), b.split('.').map(Number)]
  return majorA - majorB || minorA - minorB
}
