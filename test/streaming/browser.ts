/** Plays presentations in headless Chromium, with hls.js, dash.js and its own player. */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import type { Files } from './read.ts'

const root = join(import.meta.dirname, '../..')

export type Player = 'hls' | 'dash' | 'native'

export type Step = { readonly height?: number; readonly seek?: number; readonly seconds: number }

/** What a player did: seconds played and height of the video after each step, and cues as start, end and text. */
export type Report = {
  readonly errors: string[]
  readonly stalls: number
  readonly played: number[]
  readonly heights: number[]
  readonly cues: [start: number, end: number, text: string][]
  readonly ended: boolean
  readonly duration: number
  readonly audioBytes: number
  /** Responses of the server that were not successful. */
  readonly failed: string[]
}

export type Playback = {
  files: Files
  key: string
  player: Player
  plan: readonly Step[]
  captions?: boolean
  screenshot?: string
}

const types: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  mpd: 'application/dash+xml',
  mp4: 'video/mp4',
  vtt: 'text/vtt',
  js: 'text/javascript',
}
const scripts: Readonly<Record<Player, readonly string[]>> = {
  hls: ['node_modules/hls.js/dist/hls.js'],
  dash: ['node_modules/dashjs/dist/modern/umd/dash.all.min.js'],
  native: [],
}

/** A page with a video element. */
export const html = '<!doctype html><title>test</title><video muted playsinline width="640"></video>'

/** Serves the files, and plays them by the plan in a new page. */
export async function play(browser: Browser, playback: Playback): Promise<Report> {
  const { files, key, player, plan, captions = false, screenshot } = playback
  const failed: string[] = []
  const server = createServer((request, response) => serve(files, { request, response, failed }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const report = await playAt(browser, {
      page: `${base}/`,
      url: `${base}/${key}`,
      player,
      plan,
      captions,
      screenshot,
    })
    return { ...report, failed }
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

type PlaybackAt = Omit<Playback, 'files' | 'key' | 'screenshot'> & {
  /** URL of a page with a video element. */
  page: string
  /** URL of the playlist or manifest. */
  url: string
  screenshot?: string | undefined
}

/** Plays what is served already, in a new page. */
export async function playAt(browser: Browser, playback: PlaybackAt): Promise<Omit<Report, 'failed'>> {
  const { url, player, plan, captions = false, screenshot } = playback
  const page = await browser.newPage()
  try {
    await page.goto(playback.page)
    for (const script of [...scripts[player], 'test/streaming/page/player.js'])
      await page.addScriptTag({ content: await readFile(join(root, script), 'utf8') })
    const run = `play(${JSON.stringify({ url, player, plan, captions })})`
    const report = (await page.evaluate(run)) as Omit<Report, 'failed'>
    if (screenshot !== undefined) await page.screenshot({ path: screenshot })
    return report
  } finally {
    await page.close()
  }
}

type Exchange = { request: IncomingMessage; response: ServerResponse; failed: string[] }

/** Answers with a part of a file, as S3 and CDNs do. */
function serve(files: Files, { request, response, failed }: Exchange): void {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).slice(1)
  if (path === '' || path === 'favicon.ico') {
    response.setHeader('content-type', 'text/html')
    return void response.end(html)
  }
  const bytes = files.get(path)
  if (!bytes) {
    failed.push(`404 ${path}`)
    response.statusCode = 404
    return void response.end()
  }
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const [start, end] = [Number(from), Math.min(to === '' ? Infinity : Number(to), bytes.length - 1)]
  response.setHeader('content-type', types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream')
  response.setHeader('accept-ranges', 'bytes')
  if (from !== '') {
    response.statusCode = 206
    response.setHeader('content-range', `bytes ${start}-${end}/${bytes.length}`)
  }
  response.end(bytes.subarray(start, end + 1))
}
