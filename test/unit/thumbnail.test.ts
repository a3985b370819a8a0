import * as assert from 'uvu/assert'
import type { VideoStream } from '../../daemon/index.ts'
import { thumbnailArguments } from '../../plugins/thumbnail/arguments.ts'
import { toSeconds } from '../../plugins/thumbnail/options.ts'
import { thumbnail } from '../../plugins/thumbnail/thumbnail.ts'
import { toConstantSizeFilters } from '../helpers/filters.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('thumbnail')

const video: VideoStream = {
  index: 1,
  codec: 'h264',
  width: 1920,
  height: 1080,
  rotation: 90,
  pixelFormat: 'yuv420p',
  matrix: 'bt709',
  framesPerSecond: 30,
  durationSeconds: 10,
}
const given = { format: 'jpg', quality: 85 } as const
const problems = (options: object) =>
  thumbnail(options as never).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)

test('builds the command line', () => {
  assert.is(
    toConstantSizeFilters(thumbnailArguments({ ...given, width: 320 }, video).join(' ')),
    '-map 0:1 -an -sn -dn -map_metadata -1 -frames:v 1 -vf bwdif=mode=send_frame:deint=interlaced,scale=320:568:out_range=tv,setsar=1,format=yuv420p,scale=out_color_matrix=bt601 -pix_fmt yuvj420p ' +
      '-c:v mjpeg -q:v 6 -f image2 -update 1',
  )
})

test('uses the encoder of each format', () => {
  assert.match(thumbnailArguments({ ...given, format: 'png' }, video).join(' '), '-pix_fmt rgb24 -c:v png -f image2')
  assert.match(
    thumbnailArguments({ ...given, format: 'webp' }, video).join(' '),
    '-pix_fmt yuv420p -c:v libwebp -quality 85',
  )
})

test('limits times to the duration, when it is known', () => {
  assert.is(toSeconds(2, 10), 2)
  assert.is(toSeconds('10%', 10), 1)
  assert.is(toSeconds('2.5%', 100), 2.5)
  assert.is(toSeconds(99, 10), 9.9)
  assert.is(toSeconds('100%', 10), 9.9)
  assert.is(toSeconds(5, 0.04), 0)
  assert.is(toSeconds('50%', null), 0)
  assert.is(toSeconds(7, null), 7)
})

test('default keys depend on the format and the number of images', () => {
  assert.equal(thumbnail().hooks.keys, ['thumb_{name}.jpg'])
  assert.equal(thumbnail({ format: 'webp' }).hooks.keys, ['thumb_{name}.webp'])
  assert.equal(thumbnail({ at: [1, '50%'], format: 'png' }).hooks.keys, ['thumb_{name}_{n}.png'])
  assert.equal(thumbnail({ at: [1] }).hooks.keys, ['thumb_{name}.jpg'])
  assert.equal(thumbnail({ format: 'png' }).hooks.encoders, ['png'])
})

test('reports invalid options', () => {
  assert.is(problems({ at: -1 }).length, 1)
  for (const at of ['10', '101%', '-1%', '1e1%', []]) assert.ok(problems({ at }).length > 0, String(at))
  assert.ok(problems({ at: Array.from({ length: 21 }, () => 1) }).length > 0)
  assert.equal(problems({ format: 'png', key: '{name}.jpg' }), ['key: must end in .png'])
  assert.equal(problems({ key: '{name}.jpeg' }), [])
  assert.match(problems({ key: 'thumb.jpg' })[0] ?? '', 'must contain {name} or {id}')
  assert.match(problems({ at: [1, 2], key: '{name}.jpg' })[0] ?? '', 'must contain {n}')
  assert.match(problems({ size: '320x240' }).join(), 'size')
})
