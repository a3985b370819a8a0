import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { findPackage } from '../config/hints/package.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { openTerminal, type Terminal } from '../terminal/terminal.ts'
import type { DeadRequest } from './operator/dead.ts'

/** 0: success. 1: failure. 2: usage or config error. 130: stopped by a signal. */
export type ExitCode = 0 | 1 | 2 | 130

/** Runs a command line and returns the exit code of the process. Never throws. */
export async function runCommandLine(args: readonly string[]): Promise<ExitCode> {
  const terminal = await openTerminal()
  let code: ExitCode = 0
  try {
    await createProgram(terminal, (result) => (code = result)).parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // commander has printed the error
    terminal.fail(error)
    return isConfigError(error) ? 2 : 1
  }
}

/** Creates the command line parser. Commands import their modules when they run, so that `--help` is fast. */
function createProgram(terminal: Terminal, done: (code: ExitCode) => void): Command {
  const program = new Command('mediad')
    .description('Media-processing daemon: presigned upload to S3, SQS work queue, ffmpeg plugin chain')
    .version(readVersion(), '-v, --version', 'Print the version')
    .helpOption('-h, --help', 'Show help')
    .helpCommand('help [command]', 'Show help for a command')
    .exitOverride()
    .showHelpAfterError('(run "mediad --help" for usage)')
  program
    .command('init')
    .description('Write a config, a first plugin and what they need into an empty folder')
    .argument('[folder]', 'Folder; it is created if it is missing', '.')
    .action(async (folder) =>
      done(await (await import('./init/init.ts')).init(terminal, { folder, installed: findPackage() })),
    )
  program
    .command('start')
    .description('Run a daemon: process jobs from the work queue until stopped')
    .option('--local', 'Use an embedded S3 and SQS, for development')
    .option(...config)
    .option('-p, --port <number>', 'Port of the HTTP endpoint (overrides the config)', toPort)
    .option('--data <folder>', 'Data folder of --local', '.mediad-data')
    .action(async (options) =>
      done(await (await import('./start.ts')).start(terminal, { ...options, version: readVersion() })),
    )
  program
    .command('local')
    .description('Run the embedded S3 and SQS without a daemon, for several daemons to share; prints their environment')
    .option('--s3-port <number>', 'Port of the S3 (default: any free port)', toPort)
    .option('--sqs-port <number>', 'Port of the SQS (default: any free port)', toPort)
    .option('--bucket <name>', 'Bucket to create', 'media')
    .option('--data <folder>', 'Data folder', '.mediad-data')
    .action(async (options) => done(await (await import('./local.ts')).local(terminal, options)))
  addFileCommands(program, terminal, done)
  program
    .command('check')
    .description('Check the config, ffmpeg and its encoders, the bucket, the queues and conditional writes')
    .option(...config)
    .action(async (options) => done(await (await import('./check.ts')).check(terminal, options)))
  program
    .command('env')
    .description('Write the outputs of Terraform (bucket, queues, region) to a .env file for the config')
    .requiredOption('--terraform <folder>', 'Folder of the applied Terraform root module')
    .option('--file <file>', 'File to write', '.env')
    .action(async (options) => done(await (await import('./env/env.ts')).env(terminal, options)))
  addOperatorCommands(program, terminal, done)
  return program
}

/** Adds the commands that run the chain on local files. */
function addFileCommands(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  program
    .command('run')
    .description('Run the plugin chain on local files, without S3 or queues')
    .argument('<file...>', 'Media files')
    .option('-o, --out <folder>', 'Output folder', '.')
    .option(...config)
    .action(async (files, options) => done(await (await import('./run.ts')).run(terminal, files, options)))
  program
    .command('tune')
    .description('Measure how many jobs at once, with how many encoder threads, process the most files per hour')
    .argument('<file>', 'Media file like those that jobs will process')
    .option('--seconds <number>', 'Longest time of all measurements together', toCount, 300)
    .option('--rounds <number>', 'Number of times that each job processes the clip', toCount, 1)
    .option(...config)
    .action(async (file, options) =>
      done(await (await import('./tune/tune.ts')).tune(await openTerminal('warn'), file, options)),
    )
}

function addOperatorCommands(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  program
    .command('jobs')
    .description('List jobs, last written first, or show one job in full')
    .argument('[id]', jobName)
    .addOption(new Option('--state <state>', 'List only jobs in this state').choices(states))
    .option('--limit <number>', 'Maximum number of jobs', toCount, 100)
    .option(...config)
    .action(async (id, options) => done(await (await import('./operator/jobs.ts')).jobs(terminal, id, options)))
  program
    .command('get')
    .description('Download the outputs of a job')
    .argument('<id>', jobName)
    .option('-o, --out <folder>', 'Output folder', '.')
    .option(...config)
    .action(async (id, options) => done(await (await import('./operator/get.ts')).get(terminal, id, options)))
  program
    .command('url')
    .description('Print a presigned URL that downloads an object of the bucket, such as an output')
    .argument('<key>', 'Key of the object')
    .option(...config)
    .action(async (key, options) => done(await (await import('./operator/url.ts')).url(terminal, key, options)))
  const requeue = program
    .command('requeue')
    .description('Send a new message for unfinished jobs whose message was lost, such as after a queue was purged')
    .argument('[id]', jobName)
    .option('--all', 'Requeue every unfinished job that no daemon is processing')
    .option(...config)
  requeue.action(async (id: string | undefined, { all, ...options }) => {
    if ((id !== undefined) === (all === true)) requeue.error('error: requeue needs an id, or --all')
    done(await (await import('./operator/requeue.ts')).requeue(terminal, id, options))
  })
  const dead = program
    .command('dead')
    .description('List, show or drop dead-lettered jobs and messages, or retry them (redrive)')
    .addArgument(new Argument('[action]', 'Action').choices(['list', 'show', 'redrive', 'drop']).default('list'))
    .argument('[id]', 'Job id, message id (or a unique prefix of one, at least 4 characters), or source key')
    .option('--all', 'Redrive or drop all jobs and messages')
    .option(...config)
  dead.action(async (action: DeadRequest['action'], id: string | undefined, { all, ...options }) => {
    const usageError = checkDeadArguments(action, id, all === true)
    if (usageError !== undefined) dead.error(`error: ${usageError}`)
    done(await (await import('./operator/dead.ts')).dead(terminal, { action, name: id, ...options }))
  })
}

const config: [string, string] = ['-c, --config <file>', 'Config file (default: nearest media.config.ts)']
const jobName = 'Job id (or a unique prefix of it, at least 4 characters) or source key'
const states = ['processing', 'failed', 'released', 'succeeded', 'dead']

/** Returns the error in the arguments, if any. Redrive and drop must name their target explicitly: an id, or `--all`. */
function checkDeadArguments(action: DeadRequest['action'], id: string | undefined, all: boolean): string | undefined {
  if (action === 'list') return id === undefined && !all ? undefined : 'list takes neither an id nor --all'
  if (action === 'show') return id !== undefined && !all ? undefined : 'show needs an id, and does not take --all'
  return (id !== undefined) === all ? `${action} needs an id, or --all` : undefined
}

function toCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a positive integer.')
  return Number(text)
}

function toPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('It must be an integer from 0 (any free port) to 65535.')
  return port
}

const readVersion = (): string => findPackage().version

const isConfigError = (error: unknown): boolean => error instanceof MediadError && error.code.startsWith('config.')
