import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { cp } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { startStandIn } from '../terraform/standin/provider.ts'
import { temporaryFolder } from './folder.ts'

const root = join(import.meta.dirname, '../..')

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** A copy of `terraform/`, and the real Terraform CLI to run in it. `await using` removes the copy. */
export type Terraform = {
  /** Path of the copy. */
  readonly folder: string
  /** Runs `terraform ARGS` in the copy, or in its folder `within`. */
  run(args: readonly string[], within?: string): Promise<CommandResult>
  /** Runs `terraform ARGS` and returns its stdout. Throws when it does not exit with 0. */
  runOrThrow(args: readonly string[], within?: string): Promise<string>
} & AsyncDisposable

/** Returns why the Terraform tests must be skipped; null when they can run. */
export function findTerraformSkipReason(): string | null {
  return findProgram('terraform') === undefined
    ? 'terraform is not in PATH (https://developer.hashicorp.com/terraform/install)'
    : null
}

/**
 * Copies `terraform/`. Needs no network, because Terraform uses the stand-in of test/terraform/standin for hashicorp/aws.
 * With `MEDIAD_TERRAFORM_REGISTRY=1` it uses the real provider from the registry.
 */
export async function openTerraform(): Promise<Terraform> {
  const temporary = await temporaryFolder()
  const folder = join(temporary.path, 'terraform')
  await cp(join(root, 'terraform'), folder, { recursive: true, filter: isSource })
  const standIn = process.env.MEDIAD_TERRAFORM_REGISTRY === '1' ? null : await startStandIn()
  const env = { ...inherited(), CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', ...standIn?.environment }
  const run = (args: readonly string[], within = '.') => execute(args, { cwd: join(folder, within), env })
  return {
    folder,
    run,
    async runOrThrow(args, within) {
      const { code, stdout, stderr } = await run(args, within)
      if (code !== 0)
        throw new Error(`terraform ${args.join(' ')} in ${within ?? '.'} exited with ${code}\n${stdout}${stderr}`)
      return stdout
    },
    async [Symbol.asyncDispose]() {
      await standIn?.[Symbol.asyncDispose]()
      await temporary[Symbol.asyncDispose]()
    },
  }
}

/** Leaves out state and variables of somebody who applied the modules. */
const isSource = (path: string): boolean => !/\.terraform|\.tfstate|\.tfvars/.test(basename(path))

function execute(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
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

/** Returns the environment without variables that configure Terraform or AWS. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:TF|AWS)_/.test(name)))
}
