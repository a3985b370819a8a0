/** What the types of the client accept and reject. */
import { createClient, type Job, type JobEvent, type UploadState } from 'mediad/client'
import type { toPublic } from '../../daemon/http/jobs/public.ts'

// what mediad responds is what the client declares
export const toJob = (found: ReturnType<typeof toPublic> & Pick<Job, 'state'>): Job => found

const client = createClient({ endpoint: 'http://localhost:3000', headers: async () => ({ authorization: 'Bearer a' }) })
const upload = client.upload(new Blob(['a']), { onProgress: ({ sentBytes, totalBytes }) => sentBytes / totalBytes })
export const state: UploadState | null = upload.state
client.upload({ size: 1, slice: async (start: number, end: number) => new Uint8Array(end - start) })

export async function follow(): Promise<JobEvent['type'][]> {
  const types: JobEvent['type'][] = []
  for await (const { type, job } of client.watch(await upload.done)) if (job.outputs.length > 0) types.push(type)
  for await (const { id } of client.jobs({ limit: 5 })) await client.wait(id)
  const { cursor } = await client.jobs()
  await client.jobs({ ...(cursor !== null && { cursor }) })
  // @ts-expect-error a job can be absent
  ;(await client.job('a')).id.toString()
  return types
}

// @ts-expect-error the endpoint is required
createClient({})
// @ts-expect-error a path is not a file
client.upload('video.mp4')
// @ts-expect-error a key is text
client.watch({ key: 1 })
