import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { openTerminal, type Terminal } from '../terminal/terminal.ts'
import type { DeadRequest } from './operator/dead.ts'

/** 0 fine · 1 failed · 2 usage or config. */
export type ExitCode = 0 | 1 | 2

/** Runs one command line to its end and says how the process shall exit. Never throws. */
export async function runCommandLine(args: readonly string[]): Promise<ExitCode> {
  const terminal = openTerminal()
  let code: ExitCode = 0
  try {
    await createProgram(terminal, (result) => (code = result)).parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // commander has said what is wrong
    terminal.fail(error)
    return isConfigError(error) ? 2 : 1
  }
}

/** Commands load what they need when they run, so that `--help` answers at once. */
function createProgram(terminal: Terminal, done: (code: ExitCode) => void): Command {
  const program = new Command('mediad')
    .description('Media-processing daemon: presigned upload to S3, SQS work queue, ffmpeg plugin chain')
    .version(readVersion(), '-v, --version')
    .exitOverride()
    .showHelpAfterError('(mediad --help says what there is)')
  program
    .command('start')
    .description('take jobs from the work queue until stopped')
    .option('--local', 'with an S3 and an SQS of its own, for development')
    .option(...config)
    .option('-p, --port <number>', 'of the HTTP endpoint, instead of the config’s', toPort)
    .option('--data <folder>', 'where --local keeps its data', '.mediad-data')
    .action(async (options) => done(await (await import('./start.ts')).start(terminal, options)))
  program
    .command('local')
    .description('the embedded S3 and SQS alone, for several daemons to share; prints the environment to use them')
    .option('--s3-port <number>', 'of the S3 (default: any free one)', toPort)
    .option('--sqs-port <number>', 'of the SQS (default: any free one)', toPort)
    .option('--bucket <name>', 'the bucket to create', 'media')
    .option('--data <folder>', 'where its data lives', '.mediad-data')
    .action(async (options) => done(await (await import('./local.ts')).local(terminal, options)))
  program
    .command('run')
    .description('put files through the plugin chain here and now: no queue, no S3')
    .argument('<file...>', 'media files')
    .option('-o, --out <folder>', 'where the results go', '.')
    .option(...config)
    .action(async (files, options) => done(await (await import('./run.ts')).run(terminal, files, options)))
  program
    .command('check')
    .description('prove config, ffmpeg and its encoders, bucket, queues and conditional writes')
    .option(...config)
    .action(async (options) => done(await (await import('./check.ts')).check(terminal, options)))
  program
    .command('env')
    .description('write what Terraform made (bucket, queues, region) into .env, for the config to read')
    .requiredOption('--terraform <folder>', 'where `terraform apply` was run')
    .option('--file <file>', 'the file to write', '.env')
    .action(async (options) => done(await (await import('./env.ts')).env(terminal, options)))
  addOperatorCommands(program, terminal, done)
  return program
}

function addOperatorCommands(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  program
    .command('jobs')
    .description('list the job documents, last written first, or show everything of one')
    .argument('[id]', 'of a job, or its source’s key')
    .addOption(new Option('--state <state>', 'only these').choices(states))
    .option('--limit <number>', 'at most so many', toLimit, 100)
    .option(...config)
    .action(async (id, options) => done(await (await import('./operator/jobs.ts')).jobs(terminal, id, options)))
  const requeue = program
    .command('requeue')
    .description('send sources to work again whose last message is gone: queues that were purged, or forgot')
    .argument('[id]', 'of a job, or its source’s key')
    .option('--all', 'every unfinished job that nobody works on')
    .option(...config)
  requeue.action(async (id: string | undefined, { all, ...options }) => {
    if ((id !== undefined) === (all === true)) requeue.error('error: requeue needs an id, or --all')
    done(await (await import('./operator/requeue.ts')).requeue(terminal, id, options))
  })
  const dead = program
    .command('dead')
    .description('look at the dead queue, give dead jobs a new beginning, drop messages')
    .addArgument(new Argument('[action]').choices(['list', 'show', 'redrive', 'drop']).default('list'))
    .argument('[id]', 'of a job or a message, or the source’s key')
    .option('--all', 'redrive or drop everything there is')
    .option(...config)
  dead.action(async (action: DeadRequest['action'], id: string | undefined, { all, ...options }) => {
    const complaint = complain(action, id, all === true)
    if (complaint !== undefined) dead.error(`error: ${complaint}`)
    done(await (await import('./operator/dead.ts')).dead(terminal, { action, name: id, ...options }))
  })
}

const config: [string, string] = [
  '-c, --config <file>',
  'the config (default: media.config.ts here or in a folder above)',
]
const states = ['processing', 'failed', 'released', 'succeeded', 'dead']

/** What goes away or begins anew is named, one by one or as a whole. */
function complain(action: DeadRequest['action'], id: string | undefined, all: boolean): string | undefined {
  if (action === 'list') return id === undefined && !all ? undefined : 'list takes no id, and lists all there is'
  if (action === 'show') return id !== undefined && !all ? undefined : 'show needs an id, and shows that one'
  return (id !== undefined) === all ? `${action} needs an id, or --all` : undefined
}

function toLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
  return Number(text)
}

function toPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 (any free port) to 65535.')
  return port
}

function readVersion(): string {
  // the package's root is two folders up from the source, three from what is published
  for (const up of ['../..', '../../..']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(`${up}/package.json`, import.meta.url), 'utf8'))
      if (name === 'mediad') return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new Error(`cannot read package.json: ${toMessage(error)}`, { cause: error })
    }
  }
  return 'unknown'
}

const isConfigError = (error: unknown): boolean => error instanceof MediadError && error.code.startsWith('config.')
