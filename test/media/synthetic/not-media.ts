/** Files of other formats with the extensions of media files. */
import { deflateSync, gzipSync } from 'node:zlib'
import { noise } from './byte-edits.ts'
import { writeContent, type Makers } from './files.ts'

export const notMedia: Makers = {
  'text.mp4': writeContent('hello, I am a text file\n'.repeat(50)),
  'one-byte.mp4': writeContent('x'),
  'html.mp4': writeContent('<!doctype html><title>x</title><script>alert(1)</script>'),
  'zip.mp4': writeContent(Buffer.concat([Buffer.from('PK\u0003\u0004zip'), noise(5000)])),
  'gzip.mp4': writeContent(gzipSync(Buffer.alloc(10_000_000))),
  'deflate.mp4': writeContent(deflateSync(noise(20_000))),
  'elf.mp4': writeContent(Buffer.concat([Buffer.from('\u007FELF\u0002\u0001\u0001'), noise(5000)])),
  'pdf.mp4': writeContent(`%PDF-1.7\n${'1 0 obj <</Type /Catalog>> endobj\n'.repeat(100)}`),
  'random.mp4': writeContent(noise(300_000)),
  'zeros.mp4': writeContent(Buffer.alloc(300_000)),
  'ones.mp4': writeContent(Buffer.alloc(300_000, 0xff)),
  'counting.mp3': writeContent(Buffer.from(Uint8Array.from({ length: 1024 }, (_, n) => n & 0xff))),
  'json.mp4': writeContent(JSON.stringify({ streams: [{ codec_type: 'video', codec_name: 'h264' }] })),
  'script.mp4': writeContent('#!/bin/sh\nrm -rf /\n'),
  'srt.mp4': writeContent('1\n00:00:00,000 --> 00:00:02,000\nhi\n'),
  'ftyp-only.mp4': writeContent(Buffer.from('\0\0\0\u0014ftypisom\0\0\0\0isom', 'latin1')),
  'empty.mp4': writeContent(''),
}
