import { lstat, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Name of every daemon's folder of workspaces, before its random part. */
export const WORKSPACES_PREFIX = 'mediad-'

const OWNER_FILE = 'owner.json'

/** Who works in a folder. A process id means nothing without the machine, its boot and its namespace, and ids return. */
type Owner = { readonly host: string; readonly namespace: string; readonly pid: number; readonly started: string }

/** Signs a folder of workspaces, so that a janitor can tell whether its daemon still lives. */
export async function signWorkspaces(path: string): Promise<void> {
  const owner: Owner = { ...(await describeHost()), pid: process.pid, started: await startOf(process.pid) }
  await writeFile(join(path, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 })
}

/**
 * Removes what daemons left in `directory` that died without a word, and gives the folders it removed. It touches only
 * folders of this user that are signed by a process of this very machine, boot and process namespace which is gone:
 * what it cannot judge (another container's, an unsigned one) it leaves.
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
      if ((await startOf(owner.pid)) === owner.started) continue
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
  const [folder, signature] = await Promise.all([lstatOrNull(path), lstatOrNull(file)])
  if (!folder?.isDirectory() || !signature?.isFile() || folder.uid !== process.getuid?.()) return null
  return JSON.parse(await readFile(file, 'utf8')) as Owner
}

async function describeHost(): Promise<Pick<Owner, 'host' | 'namespace'>> {
  const boot = await readOrNull(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8'))
  const namespace = await readOrNull(() => readlink('/proc/self/ns/pid'))
  return { host: `${hostname()} ${boot?.trim() ?? ''}`, namespace: namespace ?? '' }
}

/** When a process started, in the kernel's ticks: with its id, a name that never returns. Empty when there is none. */
async function startOf(pid: number): Promise<string> {
  const stat = await readOrNull(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  if (stat === null) return isAlive(pid) ? 'unknown' : ''
  // the second field is the program's name in parentheses and may hold anything; the state follows, start time is 22nd
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? '' : (fields[18] ?? '')
}

/** Where there is no /proc. */
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
