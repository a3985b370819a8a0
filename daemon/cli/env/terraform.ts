import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'

const run = promisify(execFile)

const outputs = z.object({
  env: z.object({ value: z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string()) }),
  region: z.object({ value: z.string() }).optional(),
})

/**
 * Reads the environment variables from a root module's outputs: all of `env`, and `region` as AWS_REGION.
 *
 * @throws MediadError `config.terraform`
 */
export async function readOutputs(folder: string): Promise<Record<string, string>> {
  const parsed = outputs.safeParse(parse(await runTerraform(folder), folder))
  if (!parsed.success) {
    const problem = `the outputs of ${folder} do not contain "env", a map of strings`
    const advice =
      'Run "terraform apply" there first. A root module of your own must output "env" of the module of mediad'
    throw new MediadError('config.terraform', `${problem}. ${advice}`)
  }
  const { env, region } = parsed.data
  return { ...(region && { AWS_REGION: region.value }), ...env.value }
}

async function runTerraform(folder: string): Promise<string> {
  try {
    const { stdout } = await run('terraform', [`-chdir=${folder}`, 'output', '-json', '-no-color'])
    return stdout
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT') {
      const message = 'terraform is not in the PATH. Install it, or run "mediad env" on a machine that has it'
      throw new MediadError('config.terraform', message, { cause: error })
    }
    const problem = stderr?.trim() || toMessage(error)
    throw new MediadError('config.terraform', `terraform cannot read the outputs of ${folder}: ${problem}`, {
      cause: error,
    })
  }
}

function parse(text: string, folder: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const problem = `the output of terraform for ${folder} is not valid JSON`
    throw new MediadError('config.terraform', `${problem}: ${text.slice(0, 200)}`, { cause: error })
  }
}
