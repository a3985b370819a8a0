/**
 * Uploads a file and waits for the results. It needs only Node 24, and shows what a client in any language does; `mediad/client`
 * also sends large files in parts, tries again after failures, and reports progress. URL is the daemon's (default http://localhost:3000):
 * `node examples/presign-client/upload.ts FILE [URL]`. The same with curl and jq, up to the start of the job:
 *
 *   response=$(curl -sf -d '{"filename":"video.mp4"}' http://localhost:3000/video/pre-signed-url)
 *   curl -sf -T video.mp4 "$(echo "$response" | jq -r .preSignedUrl)"
 *   curl -sf --retry 60 --retry-delay 1 --retry-all-errors "http://localhost:3000/video/$(echo "$response" | jq -r .id)"
 */
import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

type PresignedUpload = { preSignedUrl: string; headers: Record<string, string>; id: string }
type Job = { state: string; outputs: { kind: string; key: string }[]; error: { message: string } | null }

const [file = '', daemon = 'http://localhost:3000'] = process.argv.slice(2)
const body = await openAsBlob(file)
const request = JSON.stringify({ filename: basename(file), size: body.size })
const presign = await fetch(`${daemon}/video/pre-signed-url`, { method: 'POST', body: request })
if (!presign.ok) throw new Error(`no upload URL: ${await presign.text()}`)
const { preSignedUrl, headers, id } = (await presign.json()) as PresignedUpload

const put = await fetch(preSignedUrl, { method: 'PUT', headers, body })
if (!put.ok) throw new Error(`the upload failed: ${put.status} ${await put.text()}`)

let job: Job | undefined
while (job?.state !== 'succeeded') {
  await sleep(500)
  const response = await fetch(`${daemon}/video/${id}`) // 404 until a daemon has received S3's notification
  if (response.ok) job = (await response.json()) as Job
  if (job?.state === 'dead') throw new Error(`the job failed: ${job.error?.message}`)
}
for (const { kind, key } of job.outputs) process.stdout.write(`${kind}: ${key}\n`)
