import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as assert from 'uvu/assert'

/**
 * Runs the parts of a script in one POSIX shell, and returns the output of each. The shell stops at the first command that
 * fails. It inherits no variable that starts with `AWS_` or `MEDIAD_`. Its background processes end with it.
 *
 * @throws Error with all output when the shell does not exit with 0
 */
export async function runShell(parts: readonly string[], cwd: string): Promise<string[]> {
  const script = parts.map((part, index) => `echo '${toMark(index)}'\n${part}`).join('\n')
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:AWS|MEDIAD)_/.test(name))
  // otherwise npm leaves its compile cache in TMPDIR
  const env = { ...Object.fromEntries(inherited), NODE_DISABLE_COMPILE_CACHE: '1' }
  const child = spawn('sh', ['-euc', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const stop = () => endGroup(child.pid)
  process.once('exit', stop)
  child.once('exit', stop)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  process.off('exit', stop)
  assert.is(code, 0, `${stdout}\n${stderr}`)
  return parts.map((_, index) => stdout.split(`${toMark(index)}\n`)[1]?.split(toMark(index + 1))[0] ?? '')
}

const toMark = (index: number): string => `--- part ${index} of the script ---`

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGTERM')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // no process is left
  }
}
