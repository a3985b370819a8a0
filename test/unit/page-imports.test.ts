/** Tests which files the page imports, and when it loads the large packages. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findImports, findPackages, isPackage, readSources } from '../helpers/imports.ts'
import { suite } from '../helpers/suite.ts'

const page = readSources(join(import.meta.dirname, '../..'), ['daemon/page'])

const test = suite('imports of the page')

test('imports its own files, the client and its settings', () => {
  const allowed = /^daemon\/(?:page\/|client\/index\.ts$|http\/page\/settings\.ts$)/
  assert.equal(
    findImports(page, ({ target }) => !isPackage(target) && !allowed.test(target)),
    [],
  )
})

test('imports packages in these files only; all files of the view use Preact', () => {
  const { preact = [], ...others } = findPackages(page)
  assert.equal(others, {
    'hls.js': ['daemon/page/player/presentation.ts', 'daemon/page/player/tracks.ts (types)'],
    'media-chrome': ['daemon/page/player/player.ts'],
    '@uppy/core': ['daemon/page/upload/uploads.ts (types)', 'daemon/page/upload/uppy.ts'],
    '@uppy/aws-s3': ['daemon/page/upload/uppy.ts'],
    '@uppy/golden-retriever': ['daemon/page/upload/uppy.ts'],
  })
  assert.equal(
    preact.filter((file) => !/^daemon\/page\/(?:view\/|main\.tsx)/.test(file)),
    [],
  )
})

test('loads the player and hls.js only when it needs them', () => {
  const lazy = /^(?:hls\.js|daemon\/page\/player\/player\.ts)$/
  assert.equal(
    findImports(page, ({ target, typeOnly, dynamic }) => lazy.test(target) && !typeOnly && !dynamic),
    [],
  )
})
