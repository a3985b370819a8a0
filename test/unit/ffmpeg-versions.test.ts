import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import {
  describeVersion,
  findMismatch,
  isTested,
  isTooOld,
  OLDEST_RELEASE,
  testedVersions,
  toRelease,
} from '../../daemon/programs/versions.ts'
import { readDocs } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('ffmpeg-versions')

const forms: readonly [version: string, release: string | null, tested: boolean, tooOld: boolean][] = [
  ['5.1.9-0+deb12u1', '5.1', true, false],
  ['7.1', '7.1', true, false],
  ['7.1.5-0+deb13u1', '7.1', true, false],
  ['n7.1-2-gabc1234', '7.1', true, false],
  ['9.0.2-4', '9.0', true, false],
  ['n7.1-dev-1234-gabc1234', '7.1', false, false],
  ['6.0-essentials_build-www.gyan.dev', '6.0', false, false],
  ['10.1', '10.1', false, false],
  ['5.10', '5.10', false, false],
  ['5.0.3', '5.0', false, true],
  ['4.4.2-0ubuntu0.22.04.1', '4.4', false, true],
  ['4.4-static', '4.4', false, true],
  ['0.8.17-6:0.8.17-1', '0.8', false, true],
  ['N-118000-g0123abcdef', null, false, false],
  ['2024-01-01-git-0123abcdef-full_build', null, false, false],
  ['git-2020-01-01-0123abc', null, false, false],
  ['20240101', null, false, false],
  ['2024.01', null, false, false],
  ['UNKNOWN', null, false, false],
]

for (const [version, release, tested, tooOld] of forms) {
  test(`parses ${version}`, () => {
    assert.equal([toRelease(version), isTested(version), isTooOld(version)], [release, tested, tooOld])
  })
}

test('describes whether a version is tested, and which versions are', () => {
  assert.is(describeVersion('5.1.9-0+deb12u1'), '5.1.9-0+deb12u1, a tested version')
  assert.is(describeVersion('N-1-gabc'), 'N-1-gabc, not a tested version (tested: 5.1, 7.1, 9.0)')
})

test('warns about an ffprobe of another version than ffmpeg', () => {
  assert.is(findMismatch({ version: '7.1', probeVersion: '7.1' }), null)
  assert.match(
    findMismatch({ version: '7.1', probeVersion: '5.1.9' }) ?? '',
    /ffprobe is version 5\.1\.9.*ffmpeg is version 7\.1/,
  )
})

const root = join(import.meta.dirname, '../..')
const docs = readDocs(root)
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const releases = testedVersions.map(({ release }) => release)
const listed = `${releases.slice(0, -1).join(', ')} and ${releases.at(-1)}`
const [, debian13] = testedVersions

test('the pages name the tested versions', () => {
  assert.is(releases[0], OLDEST_RELEASE)
  assert.ok(
    docs.page('README.md').prose.includes(`ffmpeg and ffprobe ${OLDEST_RELEASE} or newer; ${listed} are tested.`),
  )
  assert.ok(docs.page('docs/media.md').prose.includes(`with ffmpeg ${listed};`))
  assert.ok(docs.page('docs/errors.md').prose.includes(`is older than ${OLDEST_RELEASE},`))
  assert.ok(docs.page('docs/deploy.md').prose.includes(`anything older than ${OLDEST_RELEASE},`))
  assert.equal(
    docs.table('docs/deploy.md', 'ffmpeg').rows.map(([release, from]) => [release, from]),
    testedVersions.map(({ release, from }) => [release, from]),
  )
})

test('the Docker image and the fleet install a tested version, and name it', () => {
  const dockerfile = read('examples/docker/Dockerfile')
  const suites = [...dockerfile.matchAll(/^FROM node:[\d.]+-(\w+)-slim/gm)].map(([, name]) => name)
  assert.equal(suites, [debian13.suite, debian13.suite])
  assert.ok(dockerfile.includes(`${debian13.suite} has ffmpeg ${debian13.release}`))
  assert.match(dockerfile, /apt-get install .*\bffmpeg\b/)

  const number = debian13.from.replace('Debian ', '')
  assert.ok(read('terraform/modules/fleet/main.tf').includes(`/aws/service/debian/release/${number}/`))
  const variables = read('terraform/modules/fleet/variables.tf')
  assert.ok(variables.includes(`the latest ${debian13.from} (ffmpeg ${debian13.release})`))
  assert.ok(variables.includes(`must be ${OLDEST_RELEASE} or newer`))
  assert.match(read('terraform/modules/fleet/files/user-data.sh.tftpl'), /packages="\$packages ffmpeg"/)
})

test('CI takes its second version from the table', () => {
  assert.ok(read('.ci/run').includes(`.ci/cross-section ${debian13.suite}`))
})
