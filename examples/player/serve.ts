/**
 * Serves a folder with presentations, and the page of this folder that plays them: `node serve.ts results`. A CDN does the
 * same: byte ranges, content types, and CORS headers for pages of other origins.
 */
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.mpd': 'application/dash+xml',
  '.mp4': 'video/mp4',
  '.vtt': 'text/vtt',
  '.jpg': 'image/jpeg',
}

/** Paths of the page, and of the script that it loads. */
const page: Readonly<Record<string, string>> = {
  '/player/': join(import.meta.dirname, 'index.html'),
  '/player/hls.min.js': join(import.meta.dirname, '../../node_modules/hls.js/dist/hls.min.js'),
}

/** Starts the server on a free port of this machine. Returns its URL. */
export async function serve(folder: string, port = 0): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => answer(folder, request, response))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

function answer(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
  // `normalize` keeps a path that starts with a slash inside the folder
  const file = page[path] ?? join(folder, normalize(path))
  const size = statSync(file, { throwIfNoEntry: false })?.isFile() === true ? statSync(file).size : null
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-allow-headers', 'range')
  response.setHeader('access-control-expose-headers', 'content-length, content-range')
  if (request.method === 'OPTIONS' || size === null) {
    response.statusCode = size === null ? 404 : 204
    return void response.end()
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const start = Number(from ?? 0)
  const end = Math.min(to === undefined || to === '' ? Infinity : Number(to), size - 1)
  response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream')
  response.setHeader('accept-ranges', 'bytes')
  if (from !== undefined) {
    response.statusCode = start < size ? 206 : 416
    response.setHeader('content-range', start < size ? `bytes ${start}-${end}/${size}` : `bytes */${size}`)
  }
  if (start >= size) return void response.end()
  response.setHeader('content-length', String(end - start + 1))
  createReadStream(file, { start, end }).pipe(response)
}

if (import.meta.main) {
  const { url } = await serve(process.argv[2] ?? 'results', 8080)
  process.stdout.write(`${url}/player/?src=/hls_NAME/master.m3u8\n`)
}
