import { access, constants, mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'
import { signWorkspaces, WORKSPACES_PREFIX } from './cleanup.ts'

/** A daemon's folder of workspaces; everything it writes to disk lies in it. */
export type Workspaces = {
  /** Absolute. */
  readonly path: string
  /**
   * The temporary folder of one attempt, gone when it is disposed. It is named after the job's id and claim, and is new even
   * so: claims begin anew when somebody deletes a document while the job is worked on.
   * @throws MediadError `resource.no_room` when a source of `sizeBytes` and its results do not fit now, `resource.disk` when
   * they never would, `resource.workspace` when the folder cannot be used
   */
  open(job: { id: string; claim: number; sizeBytes: number }): Promise<Workspace>
  /** Removes the whole folder. */
  close(): Promise<void>
}

export type Workspace = {
  readonly path: string
  /** Whether the folder still is what it was. @throws MediadError `resource.workspace` when it is gone, or read-only by now */
  assertUsable(): Promise<void>
} & AsyncDisposable

/** Room for the source and results of the same size; a guess, the real end of the disk is reported as it happens. */
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
    close: () => rm(path, { recursive: true, force: true }),
  }
}

async function makeRoot(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true })
    const path = await mkdtemp(join(resolve(directory), WORKSPACES_PREFIX))
    await signWorkspaces(path)
    return path
  } catch (error) {
    throw new MediadError(
      'config.invalid',
      `cannot write to the workspace folder ${directory}; correct "workspace.directory" in the config`,
      { cause: error },
    )
  }
}

/** Another daemon, or this one later, may have the room; but what no disk like this one can hold is not put back for ever. */
async function assertRoom(path: string, sizeBytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await withCode(path, () => statfs(path))
  const needed = sizeBytes * SIZE_FACTOR
  if (bavail * bsize >= needed) return
  const message = `a source of ${sizeBytes} bytes needs ${needed} bytes in the workspace, ${bavail * bsize} are free`
  throw new MediadError(blocks * bsize < needed ? 'resource.disk' : 'resource.no_room', message)
}

/** The job is over, one way or another: what cannot be removed now goes with the whole folder, and changes nothing. */
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
