/**
 * Creates bitmap subtitles in the Blu-ray format (PGS): one rectangle that is shown for half a second. ffmpeg cannot
 * convert text subtitles to bitmaps.
 */
export function createPgs(): Buffer {
  return Buffer.concat([...show(0.3), ...hide(0.8)])
}

const [WIDTH, HEIGHT] = [8, 4]

function show(seconds: number): Buffer[] {
  const composition = Buffer.from([...size(160, 90), 0x10, 0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 20, 0, 20])
  const window = Buffer.from([1, 0, 0, 20, 0, 20, ...size(WIDTH, HEIGHT)])
  const palette = Buffer.from([0, 0, 1, 235, 128, 128, 255])
  // each line: a run of eight pixels of colour 1, end of line
  const lines = Buffer.concat(Array.from({ length: HEIGHT }, () => Buffer.from([0, 0x80 | WIDTH, 1, 0, 0])))
  const dataLength = lines.length + 4
  const object = Buffer.concat([Buffer.from([0, 0, 0, 0xc0, 0, 0, dataLength, ...size(WIDTH, HEIGHT)]), lines])
  const parts: [number, Buffer][] = [
    [0x16, composition],
    [0x17, window],
    [0x14, palette],
    [0x15, object],
    [0x80, Buffer.alloc(0)],
  ]
  return parts.map(([type, body]) => segment(type, seconds, body))
}

function hide(seconds: number): Buffer[] {
  const composition = Buffer.from([...size(160, 90), 0x10, 0, 1, 0, 0, 0, 0])
  const window = Buffer.from([1, 0, 0, 20, 0, 20, ...size(WIDTH, HEIGHT)])
  return [segment(0x16, seconds, composition), segment(0x17, seconds, window), segment(0x80, seconds, Buffer.alloc(0))]
}

function size(width: number, height: number): number[] {
  return [width >> 8, width & 255, height >> 8, height & 255]
}

function segment(type: number, seconds: number, body: Buffer): Buffer {
  const header = Buffer.alloc(13)
  header.write('PG', 'latin1')
  header.writeUInt32BE(Math.round(seconds * 90_000), 2)
  header.writeUInt8(type, 10)
  header.writeUInt16BE(body.length, 11)
  return Buffer.concat([header, body])
}
