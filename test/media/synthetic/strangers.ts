/** Files of other kinds under the names of films. */
import { writeFile } from 'node:fs/promises'
import { deflateSync, gzipSync } from 'node:zlib'
import { noise } from './damage.ts'
import type { Maker, Makers } from './files.ts'

const holding =
  (content: Buffer | string): Maker =>
  (path) =>
    writeFile(path, content)

export const strangers: Makers = {
  'text.mp4': holding('hello, I am a text file\n'.repeat(50)),
  'one-letter.mp4': holding('x'),
  'html.mp4': holding('<!doctype html><title>x</title><script>alert(1)</script>'),
  'zip.mp4': holding(Buffer.concat([Buffer.from('PK\u0003\u0004zip'), noise(5000)])),
  'gzip.mp4': holding(gzipSync(Buffer.alloc(10_000_000))),
  'deflate.mp4': holding(deflateSync(noise(20_000))),
  'elf.mp4': holding(Buffer.concat([Buffer.from('\u007FELF\u0002\u0001\u0001'), noise(5000)])),
  'pdf.mp4': holding(`%PDF-1.7\n${'1 0 obj <</Type /Catalog>> endobj\n'.repeat(100)}`),
  'random.mp4': holding(noise(300_000)),
  'zeros.mp4': holding(Buffer.alloc(300_000)),
  'ones.mp4': holding(Buffer.alloc(300_000, 0xff)),
  'counting.mp3': holding(Buffer.from(Uint8Array.from({ length: 1024 }, (_, n) => n & 0xff))),
  'json.mp4': holding(JSON.stringify({ streams: [{ codec_type: 'video', codec_name: 'h264' }] })),
  'script.mp4': holding('#!/bin/sh\nrm -rf /\n'),
  'srt.mp4': holding('1\n00:00:00,000 --> 00:00:02,000\nhi\n'),
  'ftyp-only.mp4': holding(Buffer.from('\0\0\0\u0014ftypisom\0\0\0\0isom', 'latin1')),
  'empty.mp4': holding(''),
}
