import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { MediadError, toMessage } from '../errors.ts'
import type { Terminal } from './terminal.ts'
import { openTerminal } from './terminal.ts'

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
  const config: [string, string] = [
    '-c, --config <file>',
    'the config (default: media.config.ts here or in a folder above)',
  ]

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
  return program
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
