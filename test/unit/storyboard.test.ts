import * as assert from 'uvu/assert'
import { storyboard } from '../../plugins/index.ts'
import { sheetArguments } from '../../plugins/storyboard/arguments.ts'
import { toInterval, toTrack } from '../../plugins/storyboard/track.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('storyboard')

const problems = (options: object) =>
  storyboard(options as never).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)

test('the interval is the given one, or as long as the most frames need', () => {
  const given = { intervalSeconds: 2, maxFrames: 100 }
  assert.is(toInterval(given, 60), 2)
  assert.is(toInterval(given, 200), 2)
  assert.is(toInterval(given, 3600), 36)
  assert.is(toInterval(given, 1000.0005), 10.001)
  assert.is(toInterval(given, 0), 2)
})

test('the track names the part of the image for each time', () => {
  const frame = { width: 160, height: 90 }
  assert.is(
    toTrack({ uri: 'a%20b.jpg', frame, columns: 2, count: 3, intervalSeconds: 1800.5 }),
    `WEBVTT

00:00:00.000 --> 00:30:00.500
a%20b.jpg#xywh=0,0,160,90

00:30:00.500 --> 01:00:01.000
a%20b.jpg#xywh=160,0,160,90

01:00:01.000 --> 01:30:01.500
a%20b.jpg#xywh=0,90,160,90
`,
  )
})

const toTiles = (count: number) =>
  /tile=[\dx]+/.exec(sheetArguments({ columns: 10, quality: 75 }, count).join(' '))?.[0]

test('the image has no empty column or row', () => {
  assert.equal([1, 7, 10, 11, 100].map(toTiles), ['tile=1x1', 'tile=7x1', 'tile=10x1', 'tile=10x2', 'tile=10x10'])
})

test('rejects keys that would collide, and images that phones do not show', () => {
  assert.equal(problems({}), [])
  assert.equal(problems({ key: 'board_{name}.png' }), ['key: must end in .jpg'])
  assert.equal(problems({ trackKey: 'board.vtt' }), [
    'trackKey: must contain {name} or {id}, or every job would write to the same key',
  ])
  assert.equal(problems({ side: 640, maxFrames: 400, columns: 20 }), [
    'side: makes an image of more than 8192 pixels: lower side or maxFrames, or change columns',
  ])
})
