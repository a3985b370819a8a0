import { HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobDocument, Output } from '../../daemon/vocabulary/job.ts'
import { BUCKET, type Cloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { probeFile } from '../helpers/media.ts'
import type { Mediad } from '../helpers/process.ts'
import { toDocumentPath, findFfmpeg, type Bench, type Expectations } from './setup.ts'

type FinalState = {
  bench: Bench
  uploads: ReadonlySet<string>
  /** Maximum number of attempts of a job. */
  attempts: number
  expected: Expectations
}

/** Returns the violated invariants, read from the bucket, the queues, /proc and the daemons' folders. */
export async function findViolations({ bench, uploads, attempts, expected }: FinalState): Promise<string[]> {
  const documents = await readDocuments(bench.cloud)
  const results = await Promise.all([
    checkDocuments(documents, { uploads, attempts, expected }),
    ...documents.map((document) => checkOutputs(bench.cloud, document)),
    checkUnknownObjects(bench.cloud, { documents, uploads, expected }),
    checkQueues(bench, { documents, expected }),
    checkStaleFiles(bench, expected),
  ])
  return results.flat()
}

async function readDocuments(cloud: Cloud): Promise<JobDocument[]> {
  const paths = await cloud.list('.mediad/jobs/')
  return Promise.all(paths.map(async (path) => JSON.parse((await cloud.get(path)).toString()) as JobDocument))
}

function checkDocuments(
  documents: readonly JobDocument[],
  { uploads, attempts, expected }: Omit<FinalState, 'bench'>,
): string[] {
  const violations: string[] = []
  const keys = documents.map(({ source }) => source.key).toSorted()
  if (keys.join() !== [...uploads].toSorted().join())
    violations.push(`I1: uploads of ${[...uploads].join()}, but documents of ${keys.join() || 'none'}`)
  for (const { state, attempt, owner, source, history } of documents) {
    const wanted = expected.dead?.includes(source.key) ? 'dead' : 'succeeded'
    if (state !== wanted) violations.push(`I1: ${source.key} is ${state}, not ${wanted}`)
    if (state === 'dead' && owner !== null) violations.push(`I1: ${source.key} is dead and owned by ${owner}`)
    if (attempt > attempts) violations.push(`I8: ${source.key} was attempted ${attempt} times`)
    if (state === 'succeeded' && history.length !== attempt - 1)
      violations.push(
        `I8: ${source.key} succeeded in attempt ${attempt}, but its history has ${history.length} attempts`,
      )
  }
  return violations
}

async function checkOutputs(cloud: Cloud, document: JobDocument): Promise<string[]> {
  if (document.state !== 'succeeded') return []
  const violations = await Promise.all(document.outputs.map((output) => checkOutput(cloud, document, output)))
  return violations.flat()
}

async function checkOutput(cloud: Cloud, { id, claim }: JobDocument, output: Output): Promise<string[]> {
  const { key, sizeBytes, etag, contentType } = output
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key })).catch(() => null)
  if (head === null) return [`I2: the output ${key} does not exist`]
  const violations: string[] = []
  if (head.ContentLength !== sizeBytes) violations.push(`I2: ${key} has ${head.ContentLength} bytes, not ${sizeBytes}`)
  if (head.ETag !== `"${etag}"`) violations.push(`I2: ${key} has the etag ${head.ETag}, not ${etag}`)
  const { 'mediad-job': job, 'mediad-claim': by } = head.Metadata ?? {}
  if (job !== id || by !== String(claim))
    violations.push(`I3: ${key} belongs to job ${job}, claim ${by}; not ${id}, ${claim}`)
  if (/^(?:audio|video|image)\//.test(contentType)) violations.push(...(await checkReadable(cloud, key)))
  return violations
}

async function checkReadable(cloud: Cloud, key: string): Promise<string[]> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'output')
  await writeFile(path, await cloud.get(key))
  return await probeFile(path).then(
    ({ streams }) => (streams.length > 0 ? [] : [`I2: ffprobe finds no stream in ${key}`]),
    (error: Error) => [`I2: ffprobe cannot read ${key}: ${error.message}`],
  )
}

type Objects = { documents: readonly JobDocument[]; uploads: ReadonlySet<string>; expected: Expectations }

/** Reports objects that are not a source, a document, an output or listed as foreign. */
async function checkUnknownObjects(cloud: Cloud, { documents, uploads, expected }: Objects): Promise<string[]> {
  const known = new Set([
    ...uploads,
    ...(expected.foreign ?? []),
    ...[...uploads].map(toDocumentPath),
    ...documents.flatMap(({ outputs }) => outputs.map(({ key }) => key)),
  ])
  const unknown = (await cloud.list()).filter((key) => !known.has(key))
  return unknown.length > 0 ? [`I3: objects that no succeeded job lists: ${unknown.join(', ')}`] : []
}

type Checked = Pick<Objects, 'documents' | 'expected'>

async function checkQueues(bench: Bench, { documents, expected }: Checked): Promise<string[]> {
  const { work, inProgress } = bench.cloud.local.queueUrls
  const violations: string[] = []
  for (const [name, url] of Object.entries({ work, inProgress })) {
    const { visible, hidden, delayed } = await bench.cloud.messages(url)
    if (visible + hidden + delayed > 0)
      violations.push(`I4: ${name} has ${visible}+${hidden}+${delayed} messages left (visible, hidden, delayed)`)
  }
  const dead = documents.filter(({ state }) => state === 'dead').map(({ id }) => id)
  const sent = (await bench.takeDeadMessages()).map(({ job }) => (job as JobDocument | undefined)?.id)
  for (const id of dead)
    if (!sent.includes(id)) violations.push(`I4: the dead-letter queue has no message for job ${id}`)
  const more = sent.length - dead.length
  if (more < 0 || more > (expected.moreDead ?? 0))
    violations.push(`I4: ${sent.length} dead-letter messages for ${dead.length} dead jobs: ${sent.join(', ')}`)
  return violations
}

async function checkStaleFiles(bench: Bench, { openUploads = false }: Expectations): Promise<string[]> {
  const running = findFfmpeg(bench)
  const violations = running.length > 0 ? [`I5: ffmpeg or ffprobe still runs: ${running.join(', ')}`] : []
  for (const { daemon } of bench.members) {
    if ((await readExitStatus(daemon)) === 'SIGKILL') continue // the next daemon in that folder removes its workspaces
    violations.push(...(await checkWorkspaces(daemon)))
  }
  if (openUploads) return violations
  const { Uploads = [] } = await bench.cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  return [...violations, ...Uploads.map(({ Key }) => `I5: a multipart upload to ${Key} is still open`)]
}

/** Returns null while the daemon runs. */
const readExitStatus = ({ ended }: Mediad) => Promise.race([ended, Promise.resolve(null)])

/** Reports workspaces, which are named after job and claim. */
async function checkWorkspaces({ folder, pid }: Mediad): Promise<string[]> {
  const names = await readdir(join(folder, 'tmp'), { recursive: true })
  const found = names.filter((name) => /(?:^|\/)[0-9a-f]{32}-[^/]+$/.test(name))
  return found.map((name) => `I5: daemon ${pid} left the workspace ${name}`)
}
