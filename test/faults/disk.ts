import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A mounted tmpfs of a few MiB. */
export type SmallDisk = { readonly path: string; remount(how: 'ro' | 'rw'): void } & AsyncDisposable

const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' })

/** Returns whether this process can mount a tmpfs, which takes root and is often forbidden in containers. */
export function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'disk-'))
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path)
    run('umount', path)
    return true
  } catch {
    return false // the rows report that they are skipped
  } finally {
    rmdirSync(path)
  }
}

export async function mountSmallDisk(sizeMiB: number): Promise<SmallDisk> {
  const path = mkdtempSync(join(tmpdir(), 'disk-'))
  run('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path)
  return {
    path,
    remount: (how) => void run('mount', '-o', `remount,${how}`, path),
    async [Symbol.asyncDispose]() {
      run('umount', '-l', path)
      rmdirSync(path)
    },
  }
}
