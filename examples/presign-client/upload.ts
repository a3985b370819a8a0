/**
 * Uploads a file and waits for its results: `node examples/presign-client/upload.ts FILE [URL]`; Node 24 is all it needs.
 * URL is that of a daemon. With curl and jq, until the upload is done and its job has begun:
 *
 *   answer=$(curl -sf -d '{"filename":"film.mp4"}' http://localhost:3000/video/pre-signed-url)
 *   curl -sf -T film.mp4 "$(echo "$answer" | jq -r .preSignedUrl)"
 *   curl -sf --retry 60 --retry-delay 1 --retry-all-errors "http://localhost:3000/video/$(echo "$answer" | jq -r .id)"
 */
import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

type Ticket = { preSignedUrl: string; headers: Record<string, string>; id: string }
type Job = { state: string; outputs: { kind: string; key: string }[]; error: { message: string } | null }

const [file = '', daemon = 'http://localhost:3000'] = process.argv.slice(2)
const body = await openAsBlob(file)
const wanted = JSON.stringify({ filename: basename(file), size: body.size })
const asked = await fetch(`${daemon}/video/pre-signed-url`, { method: 'POST', body: wanted })
if (!asked.ok) throw new Error(`no upload URL: ${await asked.text()}`)
const { preSignedUrl, headers, id } = (await asked.json()) as Ticket

const put = await fetch(preSignedUrl, { method: 'PUT', headers, body })
if (!put.ok) throw new Error(`the upload failed: ${put.status} ${await put.text()}`)

let job: Job | undefined
while (job?.state !== 'succeeded') {
  await sleep(500)
  const response = await fetch(`${daemon}/video/${id}`) // 404 until S3 has told of the upload
  if (response.ok) job = (await response.json()) as Job
  if (job?.state === 'dead') throw new Error(`the job failed: ${job.error?.message}`)
}
for (const { kind, key } of job.outputs) process.stdout.write(`${kind}: ${key}\n`)
