import { access, constants, mkdir, mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'
import { writeOwnerFile, WORKSPACES_PREFIX } from './cleanup.ts'

/** A daemon's workspaces folder. Everything the daemon writes to disk is in it. */
export type Workspaces = {
  /** Absolute path. */
  readonly path: string
  /**
   * Creates the temporary folder of one attempt, removed on disposal. Its name contains the job's id and claim, and a
   * random suffix, because claim numbers restart if the document is deleted during an attempt.
   * @throws MediadError `resource.no_room` if a source of `sizeBytes` and its results do not fit at present, `resource.disk`
   * if they exceed the size of the disk, `resource.workspace` if the folder cannot be used
   */
  open(job: { id: string; claim: number; sizeBytes: number }): Promise<Workspace>
  /** Reads the sizes of all files. */
  readUsage(): Promise<WorkspaceUsage>
  /** Removes the whole folder. */
  close(): Promise<void>
}

/** Space on the disk of the workspaces. */
export type WorkspaceUsage = {
  /** Size of all files in the workspaces, in bytes. */
  readonly bytes: number
  /** Free space on the disk that this user can use, in bytes. */
  readonly freeBytes: number
}

export type Workspace = {
  readonly path: string
  /** Checks the folder. @throws MediadError `resource.workspace` if it is gone or has become read-only */
  assertUsable(): Promise<void>
} & AsyncDisposable

/** Space for the source and results of the same size. This is an estimate; a full disk is reported when it occurs. */
const SIZE_FACTOR = 2

export async function openWorkspaces({ directory }: { directory: string }): Promise<Workspaces> {
  const path = await makeRoot(directory)
  return {
    path,
    async open({ id, claim, sizeBytes }) {
      await assertRoom(path, sizeBytes)
      const prefix = join(path, `${id}-${claim}-`)
      const workspace = await withCode(prefix, () => mkdtemp(prefix))
      return {
        path: workspace,
        assertUsable: () => withCode(workspace, () => access(workspace, constants.W_OK)),
        [Symbol.asyncDispose]: () => remove(workspace),
      }
    },
    async readUsage() {
      const { bavail, bsize } = await statfs(path)
      return { bytes: await readSize(path), freeBytes: bavail * bsize }
    },
    close: () => rm(path, { recursive: true, force: true }),
  }
}

/** Reads the size of all files in a folder. A file or folder that is removed meanwhile does not count. */
async function readSize(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await orNone(readdir(folder, { withFileTypes: true }), [])) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += await readSize(path)
    if (entry.isFile())
      bytes += await orNone(
        stat(path).then(({ size }) => size),
        0,
      )
  }
  return bytes
}

async function orNone<T>(reading: Promise<T>, none: T): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none
    throw error
  }
}

async function makeRoot(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true })
    const path = await mkdtemp(join(resolve(directory), WORKSPACES_PREFIX))
    await writeOwnerFile(path)
    return path
  } catch (error) {
    throw new MediadError(
      'config.invalid',
      `cannot write to the workspace folder ${directory}; correct "workspace.directory" in the config`,
      { cause: error },
    )
  }
}

/**
 * Distinguishes a lack of free space, where another daemon (or this one, later) can do the job, from a disk that is too
 * small, where retries would never end.
 */
async function assertRoom(path: string, sizeBytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await withCode(path, () => statfs(path))
  const needed = sizeBytes * SIZE_FACTOR
  if (bavail * bsize >= needed) return
  const message = `a source of ${sizeBytes} bytes needs ${needed} bytes in the workspace; ${bavail * bsize} are free`
  throw new MediadError(blocks * bsize < needed ? 'resource.disk' : 'resource.no_room', message)
}

/** Ignores errors: the attempt is finished, and whatever is left is removed with the whole folder. */
async function remove(workspace: string): Promise<void> {
  await rm(workspace, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 }).catch(() => undefined)
}

async function withCode<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw new MediadError('resource.workspace', `cannot use the workspace ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
