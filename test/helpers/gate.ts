import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './folder.ts'

/** Where jobs wait until the test has seen what it wants to see: no pause that might be too short or too long. */
export type Gate = {
  /**
   * Text that defines the plugin `gate({ claims })` for a fleet: it waits, obeying its signal, until the gate is open. Claims
   * beyond `claims` (default: none) do not wait.
   */
  readonly code: string
  open(): Promise<void>
} & AsyncDisposable

export async function closedGate(): Promise<Gate> {
  const folder = await temporaryFolder()
  const flag = join(folder.path, 'open')
  return {
    code: `
import { existsSync } from 'node:fs'
const gate = definePlugin('gate', z.object({ claims: z.number().optional() }), ({ claims }) => ({
  async run({ job, signal }) {
    if (claims !== undefined && job.claim > claims) return
    while (!existsSync(${JSON.stringify(flag)})) await sleep(20, undefined, { signal })
  },
}))
`,
    open: () => writeFile(flag, ''),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
