import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { temporaryFolder } from './folder.ts'

const root = join(import.meta.dirname, '../..')
/** That of the schema in test/terraform/standin. */
const VERSION = '6.66.0'

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** A copy of `terraform/`, and the real Terraform CLI to try it with. Gone with `await using`. */
export type Terraform = {
  /** The copy. */
  readonly folder: string
  /** Runs `terraform ARGS` in the copy, or in a folder of it. */
  run(args: readonly string[], within?: string): Promise<Ended>
  /** As `run`, and throws when it does not end with 0. */
  must(args: readonly string[], within?: string): Promise<string>
} & AsyncDisposable

/** Why nothing of Terraform can be tested here; null when it can. */
export function whyNoTerraform(): string | null {
  return findProgram('terraform') === undefined ? 'there is no terraform in PATH (https://developer.hashicorp.com/terraform/install)' : null
}

/**
 * Needs no network: Terraform gets the stand-in of test/terraform/standin for hashicorp/aws. With `MEDIAD_TERRAFORM_REGISTRY=1` it
 * gets the real provider from the registry instead, and runs the very same files.
 */
export async function openTerraform(): Promise<Terraform> {
  const temporary = await temporaryFolder()
  const folder = join(temporary.path, 'terraform')
  await cp(join(root, 'terraform'), folder, { recursive: true })
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', ...(await provide(temporary.path)) }
  const run = (args: readonly string[], within = '.') => execute(args, { cwd: join(folder, within), env })
  return {
    folder,
    run,
    async must(args, within) {
      const { code, stdout, stderr } = await run(args, within)
      if (code !== 0) throw new Error(`terraform ${args.join(' ')} in ${within ?? '.'} ended with ${code}\n${stdout}${stderr}`)
      return stdout
    },
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  }
}

async function provide(folder: string): Promise<Record<string, string>> {
  if (process.env.MEDIAD_TERRAFORM_REGISTRY === '1') return {}
  const mirror = join(folder, 'mirror')
  const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`
  const plugin = join(mirror, 'registry.terraform.io/hashicorp/aws', VERSION, platform)
  const program = join(plugin, `terraform-provider-aws_v${VERSION}`)
  await mkdir(plugin, { recursive: true })
  const standIn = join(import.meta.dirname, '../terraform/standin/provider.ts')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${standIn}'\n`)
  await chmod(program, 0o755)
  const settings = join(folder, 'cli.tfrc')
  await writeFile(settings, `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`)
  // its children are many, and short-lived: what they covered is no news
  return { TF_CLI_CONFIG_FILE: settings, TF_DISABLE_PLUGIN_TLS: '1', NODE_V8_COVERAGE: '' }
}

function execute(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  execFile('terraform', [...args], { ...options, maxBuffer: 2 ** 27 }, (error, stdout, stderr) => {
    if (error && typeof error.code !== 'number') reject(error)
    else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
  })
  return promise
}

export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
