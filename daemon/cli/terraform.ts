import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { MediadError, toMessage } from '../vocabulary/errors.ts'

const run = promisify(execFile)

const outputs = z.object({
  env: z.object({ value: z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string()) }),
  region: z.object({ value: z.string() }).optional(),
})

/**
 * The environment that a root module's outputs ask for: all of `env`, and `region` as AWS_REGION.
 *
 * @throws MediadError `config.terraform` that says what to do
 */
export async function readOutputs(folder: string): Promise<Record<string, string>> {
  const parsed = outputs.safeParse(parse(await ask(folder), folder))
  if (!parsed.success) {
    const what = `the outputs of ${folder} have no map of texts "env"`
    const advice = 'run "terraform apply" there first; a root module of yours must pass the output "env" of mediad’s on'
    throw new MediadError('config.terraform', `${what}: ${advice}`)
  }
  const { env, region } = parsed.data
  return { ...(region && { AWS_REGION: region.value }), ...env.value }
}

async function ask(folder: string): Promise<string> {
  try {
    const { stdout } = await run('terraform', [`-chdir=${folder}`, 'output', '-json', '-no-color'])
    return stdout
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT') {
      const advice = 'install it, or run mediad env where it is'
      throw new MediadError('config.terraform', `there is no terraform in PATH: ${advice}`, { cause: error })
    }
    const said = stderr?.trim() || toMessage(error)
    throw new MediadError('config.terraform', `terraform cannot read the outputs of ${folder}: ${said}`, {
      cause: error,
    })
  }
}

function parse(text: string, folder: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const what = `terraform answered for ${folder} what is no JSON`
    throw new MediadError('config.terraform', `${what}: ${text.slice(0, 200)}`, { cause: error })
  }
}
