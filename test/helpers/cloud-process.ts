import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { BUCKET } from './cloud.ts'

/** Starts an embedded S3 and SQS, with the test bucket, as a separate process that a test can kill. */
export async function startCloudProcess(dataDirectory: string) {
  const module = new URL('../../daemon/local/local.ts', import.meta.url).href
  const code = `
    const { startLocal } = await import(${JSON.stringify(module)})
    const local = await startLocal({ dataDirectory: process.argv[1] })
    await local.createBucket(${JSON.stringify(BUCKET)})
    console.log(JSON.stringify(local.env))`
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '-e', code, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([once(lines, 'line'), ended.then(() => ['{}'])])
  return { env: JSON.parse(String(line)) as Record<string, string>, ended, kill: () => child.kill('SIGKILL') }
}
