import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '../helpers/folder.ts'

const root = join(import.meta.dirname, '../..')
const execute = promisify(execFile)
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

export type Machine = Awaited<ReturnType<typeof startMachine>>

/** Creates a folder as the disk of a machine, and programs that only log their calls. */
export async function startMachine() {
  const folder = await temporaryFolder()
  const programs = join(folder.path, 'programs')
  const log = join(folder.path, 'log')
  const write = async (name: string, text: string) => {
    await mkdir(dirname(join(programs, name)), { recursive: true })
    await writeFile(join(programs, name), `#!/bin/bash\n${text}\n`)
    await chmod(join(programs, name), 0o755)
  }
  const logCall = (name: string) => `echo "${name} $*" >> '${log}'`
  for (const name of ['apt-get', 'npm', 'systemctl', 'sleep', 'shutdown']) await write(name, logCall(name))
  const fetchNode = `node=node-v${devDependencies.node}-linux-x64
mkdir -p "$node/bin" && printf '#!/bin/sh\n# stand-in for Node\nexec ${process.execPath} "$@"\n' > "$node/bin/node" && chmod +x "$node/bin/node"
tar -cJf "$node.tar.xz" "$node" && sha256sum "$node.tar.xz" > SHASUMS256.txt && rm -r "$node"`
  await write('curl', fetchNode)
  await write('no-ffmpeg', 'exit 1')
  for (const name of ['usr/local', 'etc/logrotate.d']) await mkdir(join(folder.path, name), { recursive: true })
  return {
    path: folder.path,
    async run(script: string) {
      const moved = script.replaceAll(/(?<![\w.:/])\/(?=(?:opt|etc|usr\/local)\b)/g, `${folder.path}/`)
      // as on a machine without ffmpeg
      const withoutFfmpeg = moved.replace('command -v ffmpeg', 'no-ffmpeg')
      const env = { PATH: `${programs}:/usr/bin:/bin`, TMPDIR: folder.path }
      await execute('bash', ['-c', withoutFfmpeg], { env, cwd: folder.path })
    },
    /** Replaces a program. Its script can use `fetchNode` for the download of Node. */
    replace: write,
    fetchNode,
    logCall,
    readCalls: () => readFileSync(log, 'utf8').trimEnd().split('\n'),
    corruptNode: () => write('curl', `${fetchNode}\necho more >> "$node.tar.xz"`),
    /** Makes a program fail this many times. */
    fail(name: string, times: number) {
      const count = join(folder.path, `failures of ${name}`)
      const success = name === 'curl' ? fetchNode : logCall(name)
      const logged = name === 'curl' ? '' : logCall(name)
      return write(
        name,
        `echo >> '${count}'\nif (($(wc -l < '${count}') <= ${times})); then ${logged}\nexit 1; fi\n${success}`,
      )
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
