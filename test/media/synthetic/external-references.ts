/** Files that refer to other files and URLs: to a canary file, and to the URL of a canary server. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { replaceBox, createBox } from './boxes.ts'
import { aac, inputs, h264, audioInput } from './files.ts'

export type Canary = { file: string; url: string }

const playlist = (...lines: string[]) => `#EXTM3U\n#EXT-X-TARGETDURATION:10\n${lines.join('\n')}\n#EXT-X-ENDLIST\n`

const dash = (address: string) =>
  `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1.42E01E"><BaseURL>${address}</BaseURL><SegmentBase indexRange="0-100"/></Representation></AdaptationSet></Period></MPD>`
const svg = (address: string) =>
  `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20000" height="20000"><image xlink:href="${address}" width="10" height="10"/></svg>`

/** Returns playlists and other texts that refer to the canary, by file name. None of them is a media file. */
export function toReferencingTexts({ file, url }: Canary): Record<string, string> {
  return {
    'hls-file.mp4': playlist('#EXTINF:10.0,', `file://${file}`),
    'hls-path.mp4': playlist('#EXTINF:10.0,', file),
    'hls-http.mp4': playlist('#EXTINF:10.0,', `${url}/hls.ts`),
    'hls-concat.mp4': playlist('#EXTINF:10.0,', `concat:${url}/h.m3u8?|file://${file}`),
    'hls-subfile.mp4': playlist('#EXTINF:10.0,', `subfile,,start,0,end,64,,:${file}`),
    'hls-crypto.mp4': playlist('#EXTINF:10.0,', `crypto+file://${file}`),
    'hls-data.mp4': playlist('#EXTINF:10.0,', 'data:text/plain,x', '#EXTINF:10.0,', file),
    'hls-key.mp4': playlist(`#EXT-X-KEY:METHOD=AES-128,URI="${url}/key"`, '#EXTINF:10,', file),
    'hls-map.mp4': playlist(`#EXT-X-MAP:URI="${file}"`, '#EXTINF:10,', `${url}/x.m4s`),
    'hls-master.mp4': `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${url}/child.m3u8\n`,
    'hls.m3u8': playlist('#EXTINF:10.0,', `${url}/named.ts`),
    'ffconcat-file.mp4': `ffconcat version 1.0\nfile '${file}'\n`,
    'ffconcat-http.mp4': `ffconcat version 1.0\nfile '${url}/concat'\n`,
    'list.ffconcat': `ffconcat version 1.0\nfile '${file}'\n`,
    'dash-http.mp4': dash(`${url}/dash.mp4`),
    'dash.mpd': dash(`file://${file}`),
    'sdp.mp4': `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${new URL(url).port} RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
    'rtsp.mov': `RTSPtext\r\n${url.replace('http', 'rtsp')}/x\r\n`,
    'svg-http.mp4': svg(`${url}/svg.png`),
    'svg-file.svg': svg(`file://${file}`),
    'asx.wmv': `<asx version="3.0"><entry><ref href="${url}/x.wmv"/></entry></asx>`,
    'reference.asf': `[Reference]\r\nRef1=${url}/x.asf\r\nRef2=${file}\r\n`,
    'pls.mp3': `[playlist]\nFile1=${url}/x.mp3\nNumberOfEntries=1\n`,
    'm3u.mp3': `${url}/x.mp3\n${file}\n`,
    'subtitles.mp4': `1\n00:00:00,000 --> 00:00:02,000\n{\\fn${file}}<img src="${url}">\n`,
    'vobsub.idx': `# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n`,
    'imf.mp4': `<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>urn:uuid:0</Id></CompositionPlaylist>`,
    'avs.mp4': `AVISource("${file}")\n`,
    'vapoursynth.vpy': `core.std.BlankClip()\nopen("${file}")\n`,
    'lavfi.mp4': `movie=${file}`,
    'frames-%03d.mp4': `file:${file}`,
  }
}

/** Creates media files that contain a reference to the canary, in places where a demuxer could follow it. */
export async function makeReferencingVideos(folder: string, { file, url }: Canary): Promise<string[]> {
  const plain = `${folder}/plain.mp4`
  await ffmpeg([...inputs({ seconds: 1 }), ...h264, ...aac, plain])
  const bytes = await readFile(plain)
  const write = async (name: string, content: Buffer) => {
    await writeFile(`${folder}/${name}`, content)
    return `${folder}/${name}`
  }
  const mp3 = `${folder}/tone.mp3`
  await ffmpeg([...audioInput({ seconds: 1 }), '-c:a', 'libmp3lame', '-id3v2_version', '0', mp3])
  const tone = await readFile(mp3)
  await Promise.all([rm(plain), rm(mp3)])
  return Promise.all([
    write('external-path.mov', withReference(bytes, createAlias(file))),
    write('external-url.mov', withReference(bytes, createBox('url ', Buffer.alloc(4), `${url}/track.mp4\0`))),
    write('reference-movie.mov', Buffer.concat([bytes, createReferenceMovie(`${url}/movie.mov`)])),
    write('cover-url.mp3', Buffer.concat([createLinkedCover(`${url}/cover.jpg`), tone])),
  ])
}

/** Declares that the media data of the first track is in another file. */
function withReference(bytes: Buffer, reference: Buffer): Buffer {
  const count = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])
  return replaceBox(bytes, 'moov/trak/mdia/minf/dinf/dref', createBox('dref', count, reference))
}

/** Creates a QuickTime alias record, as far as ffmpeg reads it: volume, file name, then the path as item 2. */
function createAlias(file: string): Buffer {
  const record = Buffer.alloc(150)
  record.write('vol', 11, 'latin1')
  record.writeUInt8(3, 10)
  const name = file.split('/').at(-1) ?? ''
  record.writeUInt8(Math.min(63, name.length), 50)
  record.write(name.slice(0, 63), 51, 'latin1')
  const item = Buffer.alloc(4)
  item.writeInt16BE(2)
  item.writeUInt16BE(file.length, 2)
  const path = Buffer.from(file + (file.length % 2 ? '\0' : ''), 'latin1')
  return createBox('alis', Buffer.alloc(4), record, item, path, Buffer.from([0xff, 0xff, 0, 0]))
}

function createReferenceMovie(url: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(url.length + 1)
  return createBox(
    'moov',
    createBox('rmra', createBox('rmda', createBox('rdrf', Buffer.alloc(4), 'url ', length, `${url}\0`))),
  )
}

/** Creates an ID3 tag with cover art that is a link (ID3v2.3, 4.15). */
function createLinkedCover(url: string): Buffer {
  return createId3Cover('-->', url)
}

/** Creates an ID3 tag with cover art of any MIME type. ffmpeg prints a type that it does not know. */
export function createId3Cover(type: string, content: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    Buffer.from(`${type}\0`, 'latin1'),
    Buffer.from([3, 0]),
    Buffer.from(content),
  ])
  const frame = Buffer.alloc(10)
  frame.write('APIC', 'latin1')
  frame.writeUInt32BE(body.length, 4)
  const size = body.length + frame.length // seven bits per byte
  const header = Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, 0, 0, size >> 7, size & 0x7f])
  return Buffer.concat([header, frame, body])
}
