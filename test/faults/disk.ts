import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk of its own, of a few MiB, in memory. */
export type SmallDisk = { readonly path: string; remount(how: 'ro' | 'rw'): void } & AsyncDisposable

const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' })

/** Mounting is root's, where it is allowed at all. */
export function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'disk-'))
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path)
    run('umount', path)
    return true
  } catch {
    return false // the rows say that they are left out
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
