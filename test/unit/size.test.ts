import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { VideoStream } from '../../daemon/index.ts'
import { toDetectionFilters } from '../../plugins/frames/mid-stream.ts'
import { toFrameFilters } from '../../plugins/frames/colour.ts'
import { toFinalSize, toLayout, toSizeFilters, type Box } from '../../plugins/frames/size.ts'
import { toConstantSizeFilters } from '../helpers/filters.ts'
import { aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('size')

const size = (changes: Partial<VideoStream>, box: Box = {}) =>
  Object.values(toFinalSize(toLayout(aVideo(changes), box))).join('x')
const allSizeFilters = (changes: Partial<VideoStream>, box: Box = {}) =>
  toSizeFilters(aVideo(changes), toLayout(aVideo(changes), box), []).join(',')
const sizeFilters = (changes: Partial<VideoStream>, box: Box = {}) =>
  toConstantSizeFilters(allSizeFilters(changes, box))
const layout = { scaled: { width: 640, height: 360 } }
const filters = (changes: Partial<VideoStream>, hdr: 'tonemap' | 'keep' = 'tonemap') =>
  toConstantSizeFilters(toFrameFilters(aVideo(changes), layout, { hdr }).join(','))

test('sizes: rotation and sample aspect ratio applied, even, nothing enlarged', () => {
  assert.is(size({}), '1920x1080')
  assert.is(size({ rotation: 90 }), '1080x1920')
  assert.is(size({ width: 161, height: 121 }), '160x120')
  assert.is(size({ width: 720, height: 576, pixelAspect: 64 / 45 }), '1024x576')
  assert.is(size({ width: 720, height: 576, pixelAspect: 64 / 45, rotation: 270 }), '576x1024')
  assert.is(size({ width: 1, height: 1 }), '2x2')
  assert.is(size({}, { maxWidth: 320 }), '320x180')
  assert.is(size({}, { maxHeight: 720 }), '1280x720')
  assert.is(size({ rotation: 90 }, { maxHeight: 720 }), '404x720')
  assert.is(size({}, { maxWidth: 8000, maxHeight: 8000 }), '1920x1080')
  assert.is(size({ width: 32, height: 16 }, { minSide: 64 }), '128x64')
})

test('crops an odd size instead of scaling it', () => {
  assert.equal(toLayout(aVideo({ width: 161, height: 121 })), {
    trimmed: { width: 160, height: 120 },
    scaled: { width: 160, height: 120 },
  })
  assert.is(sizeFilters({ width: 161, height: 121 }), 'crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,scale=160:120,setsar=1')
})

test('cover crops, pad adds bars, and neither enlarges', () => {
  const square = { maxWidth: 720, maxHeight: 720 }
  assert.equal(toLayout(aVideo(), { ...square, fit: 'cover' }), {
    scaled: { width: 1280, height: 720 },
    cropped: { width: 720, height: 720 },
  })
  assert.equal(toLayout(aVideo(), { ...square, fit: 'pad' }), {
    scaled: { width: 720, height: 404 },
    padded: { width: 720, height: 720 },
  })
  const small = { width: 320, height: 180 }
  assert.is(size(small, { ...square, fit: 'cover' }), '180x180')
  assert.is(size(small, { ...square, fit: 'pad' }), '320x320')
  assert.is(sizeFilters({}, { ...square, fit: 'cover' }), 'scale=1280:720,crop=720:720,setsar=1')
  assert.match(allSizeFilters({}, { ...square, fit: 'pad' }), ',pad=720:720:-1:-1:eval=frame,setsar=1')
})

test('reports frames of another shape than the first, and fits them into the size', () => {
  assert.is(
    allSizeFilters({ width: 720, height: 576, pixelAspect: 16 / 15 }),
    "scale=w='if(eq(iw,720)*eq(ih,576)*lt(abs(if(between(sar,0.1,10),sar,1)-1.0667),0.01),768,print(1,24)*min(768,2*ceil(288*(iw/ih*if(between(sar,0.1,10),sar,1)))))'" +
      ":h='if(eq(iw,720)*eq(ih,576)*lt(abs(if(between(sar,0.1,10),sar,1)-1.0667),0.01),576,min(576,2*ceil(384/(iw/ih*if(between(sar,0.1,10),sar,1)))))'" +
      ':eval=frame,pad=768:576:-1:-1:eval=frame,setsar=1',
  )
  const rotated = { width: 720, height: 576, pixelAspect: 2, rotation: 90 } as const
  assert.match(allSizeFilters(rotated), 'eq(iw,576)*eq(ih,720)*lt(abs(if(between(sar,0.1,10),sar,1)-0.5),0.01)')
  assert.match(allSizeFilters({ width: 161, height: 121 }), 'eq(iw,160)*eq(ih,120)')
  assert.match(
    allSizeFilters({}, { maxWidth: 720, maxHeight: 720, fit: 'cover' }),
    "pad='max(iw,720)':'max(ih,720)':-1:-1:eval=frame,crop=720:720",
  )
})

test('reports mid-stream changes of video that is copied', () => {
  const resized =
    "scale=w='if(eq(iw,1920)*eq(ih,1080)*lt(abs(if(between(sar,0.1,10),sar,1)-1),0.01),iw,print(1,24)*iw)':h=ih:eval=frame"
  const interlaced = "select='if(eq(interlace_type,PROGRESSIVE)+ld(0),1,st(0,print(2,24)))'"
  assert.is(toDetectionFilters(aVideo({ codec: 'vp9' })).join(), resized)
  assert.is(toDetectionFilters(aVideo({ codec: 'h264' })).join(), `${interlaced},${resized}`)
})

test('any source gets a size that is even, can be encoded and fits', () => {
  const source = fc.record({
    width: fc.integer({ min: 1, max: 60_000 }),
    height: fc.integer({ min: 1, max: 60_000 }),
    pixelAspect: fc.double({ min: 0.1, max: 10, noNaN: true }),
  })
  const side = fc.integer({ min: 64, max: 16_384 })
  const ordinary = fc.record({ width: fc.integer({ min: 64, max: 2000 }), height: fc.integer({ min: 64, max: 2000 }) })
  const fit = fc.constantFrom('contain' as const, 'cover' as const, 'pad' as const)
  fc.assert(
    fc.property(source, fc.constantFrom(2, 16, 64), (changes, minSide) => {
      const { width, height } = toFinalSize(toLayout(aVideo(changes), { minSide }))
      for (const length of [width, height]) assert.ok(length % 2 === 0 && length >= minSide && length <= 16_384)
    }),
  )
  fc.assert(
    fc.property(ordinary, fc.tuple(side, side), fit, (changes, [maxWidth, maxHeight], fit) => {
      const { width, height } = toFinalSize(toLayout(aVideo(changes), { maxWidth, maxHeight, fit }))
      assert.ok(width % 2 === 0 && height % 2 === 0 && width >= 2 && height >= 2)
      if (fit !== 'contain') assert.ok(width <= maxWidth + 2 && height <= maxHeight + 2, `${width}x${height}`)
    }),
  )
})

test('tone-maps HDR unless it is kept, deinterlaces, and composites transparency on black', () => {
  assert.match(
    filters({ transfer: 'smpte2084', matrix: undefined as never }),
    /^setparams=color_primaries=bt2020:[^,]*,scale=640:360,setsar=1,zscale=.*tonemap=hable/,
  )
  assert.match(
    filters({ transfer: 'arib-std-b67', primaries: 'bt2020', matrix: 'bt2020nc' }),
    /^scale=640:360,setsar=1,zscale=/,
  )
  assert.match(filters({ transfer: 'smpte2084' }, 'keep'), /format=yuv420p10le$/)
  assert.not.match(filters({ transfer: 'smpte2084' }, 'keep'), 'tonemap')
  assert.is(filters({ transfer: 'bt709' }, 'keep'), 'scale=640:360:out_range=tv,setsar=1,format=yuv420p')
  assert.is(filters({ transfer: 'bt709' }), 'scale=640:360:out_range=tv,setsar=1,format=yuv420p')
  assert.match(filters({ interlaced: true }), /^bwdif=[^,]*deint=interlaced,scale/)
  for (const pixelFormat of ['yuva444p10le', 'bgra', 'pal8', 'gbrap', 'ya8'])
    assert.match(filters({ pixelFormat }), /^premultiply=inplace=1,scale/)
})

test('deinterlaces all codecs that can be interlaced, and joins coded fields first; large video without tags counts as BT.709', () => {
  for (const codec of ['h264', 'hevc', 'dnxhd', 'ffv1', 'a codec of the future'])
    assert.match(filters({ codec }), /^bwdif=mode=send_frame:deint=interlaced,scale/, codec)
  for (const codec of ['vp8', 'av1', 'gif']) assert.not.match(filters({ codec }), 'bwdif')
  assert.not.match(filters({ codec: 'rawvideo', pixelFormat: 'rgb24' }), 'bwdif')
  assert.match(filters({ codec: 'h264', packetCount: 1 }), /^estdif=mode=frame:deint=interlaced,scale/)
  assert.match(filters({ codedFields: 'bottom', codec: 'hevc' }), /^weave=first_field=bottom,bwdif=/)
  assert.match(filters({ matrix: undefined as never }), /^setparams=color_primaries=bt709/)
  assert.not.match(filters({ matrix: undefined as never, width: 640, height: 360 }), 'setparams')
  assert.match(filters({ transfer: 'smpte2084', range: 'pc' }, 'keep'), 'range=limited,format=yuv420p10le')
})

test('the sample aspect ratio enlarges no frame beyond 8K', () => {
  const { width, height } = toFinalSize(toLayout(aVideo({ width: 2160, height: 16_384, pixelAspect: 10 })))
  assert.ok(width * height <= 8192 * 4320, `${width}x${height}`)
})

test('converts RGB and wide gamut to BT.709 with tags', () => {
  for (const pixelFormat of ['rgb24', 'bgra', 'gbrp', 'pal8', '0bgr'])
    assert.match(
      filters({ pixelFormat }),
      'out_color_matrix=bt709,setsar=1,format=yuv420p,setparams=range=tv:color_primaries=bt709',
    )
  assert.match(filters({ matrix: 'gbr' }), 'out_color_matrix=bt709')
  assert.match(filters({ primaries: 'bt2020', transfer: 'bt2020-10', matrix: 'bt2020nc' }), 'zscale=primaries=bt709')
  assert.not.match(filters({ primaries: 'smpte170m', matrix: 'smpte170m' }), 'zscale')
})
