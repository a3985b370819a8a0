import { HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobDocument, Output } from '../../daemon/vocabulary/job.ts'
import { BUCKET, type Cloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { probeFile } from '../helpers/media.ts'
import type { Mediad } from '../helpers/process.ts'
import { toDocumentPath, findFfmpeg, type Bench, type Expectations } from './setup.ts'

type Case = {
  bench: Bench
  uploads: ReadonlySet<string>
  /** How many a job is allowed. */
  attempts: number
  expected: Expectations
}

/** What is wrong, judged from outside: by the bucket, the queues, /proc and the daemons' folders. */
export async function findBroken({ bench, uploads, attempts, expected }: Case): Promise<string[]> {
  const documents = await readDocuments(bench.cloud)
  const results = await Promise.all([
    findBrokenDocuments(documents, { uploads, attempts, expected }),
    ...documents.map((document) => findBrokenOutputs(bench.cloud, document)),
    findStrayObjects(bench.cloud, { documents, uploads, expected }),
    findBrokenQueues(bench, { documents, expected }),
    findStaleFiles(bench, expected),
  ])
  return results.flat()
}

async function readDocuments(cloud: Cloud): Promise<JobDocument[]> {
  const paths = await cloud.list('.mediad/jobs/')
  return Promise.all(paths.map(async (path) => JSON.parse((await cloud.get(path)).toString()) as JobDocument))
}

function findBrokenDocuments(
  documents: readonly JobDocument[],
  { uploads, attempts, expected }: Omit<Case, 'bench'>,
): string[] {
  const broken: string[] = []
  const keys = documents.map(({ source }) => source.key).toSorted()
  if (keys.join() !== [...uploads].toSorted().join())
    broken.push(`I1: uploads ${[...uploads].join()}, but documents of ${keys.join() || 'none'}`)
  for (const { state, attempt, owner, source, history } of documents) {
    const wanted = expected.dead?.includes(source.key) ? 'dead' : 'succeeded'
    if (state !== wanted) broken.push(`I1: ${source.key} is ${state}, not ${wanted}`)
    if (state === 'dead' && owner !== null) broken.push(`I1: the dead ${source.key} is owned by ${owner}`)
    if (attempt > attempts) broken.push(`I8: ${source.key} was attempted ${attempt} times`)
    if (state === 'succeeded' && history.length !== attempt - 1)
      broken.push(`I8: ${source.key} succeeded in attempt ${attempt}, but ${history.length} are in its history`)
  }
  return broken
}

async function findBrokenOutputs(cloud: Cloud, document: JobDocument): Promise<string[]> {
  if (document.state !== 'succeeded') return []
  const broken = await Promise.all(document.outputs.map((output) => findBrokenOutput(cloud, document, output)))
  return broken.flat()
}

async function findBrokenOutput(cloud: Cloud, { id, claim }: JobDocument, output: Output): Promise<string[]> {
  const { key, sizeBytes, etag, contentType } = output
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key })).catch(() => null)
  if (head === null) return [`I2: the output ${key} is not there`]
  const broken: string[] = []
  if (head.ContentLength !== sizeBytes) broken.push(`I2: ${key} has ${head.ContentLength} bytes, not ${sizeBytes}`)
  if (head.ETag !== `"${etag}"`) broken.push(`I2: ${key} has the etag ${head.ETag}, not ${etag}`)
  const { 'mediad-job': job, 'mediad-claim': by } = head.Metadata ?? {}
  if (job !== id || by !== String(claim)) broken.push(`I3: ${key} is of job ${job}, claim ${by}; not ${id}, ${claim}`)
  if (/^(?:audio|video|image)\//.test(contentType)) broken.push(...(await findUnplayable(cloud, key)))
  return broken
}

async function findUnplayable(cloud: Cloud, key: string): Promise<string[]> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'output')
  await writeFile(path, await cloud.get(key))
  return await probeFile(path).then(
    ({ streams }) => (streams.length > 0 ? [] : [`I2: ffprobe finds nothing in ${key}`]),
    (error: Error) => [`I2: ffprobe refuses ${key}: ${error.message}`],
  )
}

type Objects = { documents: readonly JobDocument[]; uploads: ReadonlySet<string>; expected: Expectations }

/** What lies in the bucket and is none of what should. */
async function findStrayObjects(cloud: Cloud, { documents, uploads, expected }: Objects): Promise<string[]> {
  const known = new Set([
    ...uploads,
    ...(expected.foreign ?? []),
    ...[...uploads].map(toDocumentPath),
    ...documents.flatMap(({ outputs }) => outputs.map(({ key }) => key)),
  ])
  const stray = (await cloud.list()).filter((key) => !known.has(key))
  return stray.length > 0 ? [`I3: objects that no succeeded job lists: ${stray.join(', ')}`] : []
}

type Judged = Pick<Objects, 'documents' | 'expected'>

async function findBrokenQueues(bench: Bench, { documents, expected }: Judged): Promise<string[]> {
  const { work, inProgress } = bench.cloud.local.queueUrls
  const broken: string[] = []
  for (const [name, url] of Object.entries({ work, inProgress })) {
    const { visible, hidden, delayed } = await bench.cloud.messages(url)
    if (visible + hidden + delayed > 0) broken.push(`I4: ${visible}+${hidden}+${delayed} messages are left on ${name}`)
  }
  const dead = documents.filter(({ state }) => state === 'dead').map(({ id }) => id)
  const told = (await bench.takeDeadMessages()).map(({ job }) => (job as JobDocument | undefined)?.id)
  for (const id of dead) if (!told.includes(id)) broken.push(`I4: the dead queue has nothing of job ${id}`)
  const more = told.length - dead.length
  if (more < 0 || more > (expected.moreDead ?? 0))
    broken.push(`I4: ${told.length} messages are dead, and ${dead.length} jobs: ${told.join(', ')}`)
  return broken
}

async function findStaleFiles(bench: Bench, { openUploads = false }: Expectations): Promise<string[]> {
  const left = findFfmpeg(bench)
  const broken = left.length > 0 ? [`I5: ffmpeg or ffprobe is left: ${left.join(', ')}`] : []
  for (const { daemon } of bench.members) {
    const ending = await endingOf(daemon)
    if (ending === 'SIGKILL') continue // its litter is the business of the next daemon in the same folder
    broken.push(...(await findWorkspaces(daemon)))
  }
  if (openUploads) return broken
  const { Uploads = [] } = await bench.cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  return [...broken, ...Uploads.map(({ Key }) => `I5: an upload to ${Key} is still open`)]
}

/** `null` while it lives. */
const endingOf = ({ ended }: Mediad) => Promise.race([ended, Promise.resolve(null)])

/** A workspace is named after the job and the claim. */
async function findWorkspaces({ folder, pid }: Mediad): Promise<string[]> {
  const names = await readdir(join(folder, 'tmp'), { recursive: true })
  const found = names.filter((name) => /(?:^|\/)[0-9a-f]{32}-[^/]+$/.test(name))
  return found.map((name) => `I5: daemon ${pid} left the workspace ${name}`)
}
