import { lstat, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Prefix of the name of every daemon's workspaces folder; a random suffix follows. */
export const WORKSPACES_PREFIX = 'mediad-'

const OWNER_FILE = 'owner.json'

/**
 * The process that owns a folder. Process ids are reused and are only meaningful within one machine, boot and process
 * namespace.
 */
type Owner = { readonly host: string; readonly namespace: string; readonly pid: number; readonly started: string }

/** Records the owner of a workspaces folder, so that the workspace cleanup can check whether its daemon is alive. */
export async function writeOwnerFile(path: string): Promise<void> {
  const owner: Owner = { ...(await describeHost()), pid: process.pid, started: await readStartTime(process.pid) }
  await writeFile(join(path, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 })
}

/**
 * Removes the workspaces that crashed daemons left in `directory`, and returns the removed folders. It only removes
 * folders of this user whose owner file names a dead process of the same machine, boot and process namespace. Folders
 * whose owner it cannot check (of another container, or without an owner file) are kept.
 */
export async function removeStaleWorkspaces({
  directory,
  log,
}: {
  directory: string
  log: DaemonLog
}): Promise<string[]> {
  const here = await describeHost()
  const removed: string[] = []
  for (const name of await readdir(directory)) {
    if (!name.startsWith(WORKSPACES_PREFIX)) continue
    const path = join(directory, name)
    try {
      const owner = await readOwner(path)
      if (owner === null || owner.host !== here.host || owner.namespace !== here.namespace) continue
      if ((await readStartTime(owner.pid)) === owner.started) continue
      await rm(path, { recursive: true, force: true })
      removed.push(path)
      log.info({ event: 'workspace.removed', path }, 'stale workspaces removed')
    } catch (error) {
      log.warn(
        { event: 'workspace.cleanup_failed', path, error },
        `workspace cleanup failed for one folder: ${toMessage(error)}`,
      )
    }
  }
  return removed
}

async function readOwner(path: string): Promise<Owner | null> {
  const file = join(path, OWNER_FILE)
  const [folder, ownerFile] = await Promise.all([lstatOrNull(path), lstatOrNull(file)])
  if (!folder?.isDirectory() || !ownerFile?.isFile() || folder.uid !== process.getuid?.()) return null
  return JSON.parse(await readFile(file, 'utf8')) as Owner
}

async function describeHost(): Promise<Pick<Owner, 'host' | 'namespace'>> {
  const boot = await readOrNull(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8'))
  const namespace = await readOrNull(() => readlink('/proc/self/ns/pid'))
  return { host: `${hostname()} ${boot?.trim() ?? ''}`, namespace: namespace ?? '' }
}

/** Start time of a process in kernel ticks; with the pid it identifies the process. Empty if the process is dead. */
async function readStartTime(pid: number): Promise<string> {
  const stat = await readOrNull(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  if (stat === null) return isAlive(pid) ? 'unknown' : ''
  // field 2 is the program's name in parentheses and can contain anything; field 3 is the state, 22 the start time
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? '' : (fields[18] ?? '')
}

/** The fallback for systems without /proc. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const lstatOrNull = (path: string) => readOrNull(() => lstat(path))

async function readOrNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH') return null
    throw error
  }
}
