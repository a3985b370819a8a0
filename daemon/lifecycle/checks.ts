import type { Config } from '../config/config.ts'
import type { Authorize } from '../vocabulary/identity.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { openCpuMeter } from '../machine/cpu-meter.ts'
import { checkConditionalWrites } from '../storage/selftest.ts'
import type { Check, CheckDeps } from './check.ts'
import { createFfmpegChecks } from './ffmpeg-checks.ts'

/** Creates the checks that must pass before a daemon receives its first message, in the order for reports. Those of ffmpeg can be running already. */
export function createChecks(deps: CheckDeps, ffmpegChecks = createFfmpegChecks(deps)): Check[] {
  const { config, storage, queues } = deps
  const queue = (name: 'work' | 'inProgress' | 'dead'): Check => ({
    name: `queue ${name}`,
    async run() {
      if (isFifo(config.queues[name].url)) throw isFifoQueue(config.queues[name].url)
      const { visible, hidden, delayed, hasRedrive } = await queues[name].depth()
      if (hasRedrive && name !== 'dead') throw hasRedrivePolicy(config.queues[name].url)
      return `${config.queues[name].url}: ${visible} visible, ${hidden} in flight, ${delayed} delayed`
    },
  })
  return [
    { name: 'machine', run: describeMachine },
    { name: 'endpoint', run: async () => describeEndpoint(config.http) },
    ...ffmpegChecks,
    {
      name: 'bucket',
      async run() {
        await checkConditionalWrites(storage, { bucket: config.bucket, prefix: config.state.prefix })
        return `${config.bucket}: supports reads, writes and conditional writes`
      },
    },
    queue('work'),
    queue('inProgress'),
    queue('dead'),
  ]
}

/** Describes who can use the endpoint. */
export function describeEndpoint({ host, port, authorize }: Config['http']): string {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (typeof authorize === 'function')
    return `${where}: requests need an identity (http.authorize: ${toName(authorize)})`
  if (authorize === undefined)
    return `${where}: open to every program on this machine, because http.authorize is not set`
  return `${where}: open to everyone who reaches it (http.authorize: none); a server in front must authorize`
}

const toName = ({ name }: Authorize): string => (name === '' || name === 'authorize' ? 'a function' : name)

/** Describes the CPUs as adaptive concurrency measures them. */
async function describeMachine(): Promise<string> {
  const { cpus, machineCpus, pressurePath } = await openCpuMeter()
  const count = `${Math.round(cpus * 100) / 100} ${cpus === 1 ? 'CPU' : 'CPUs'} available`
  const of = cpus === machineCpus ? '' : ` of ${machineCpus}, by the affinity or the control group`
  return `${count}${of}; CPU pressure: ${pressurePath ?? 'not reported, the CPU use alone is measured'}`
}

/** Whether a URL is that of a FIFO queue, whose name ends in `.fifo`. */
const isFifo = (url: string): boolean => /\.fifo\/?$/.test(url)

function isFifoQueue(url: string): MediadError {
  const why = 'S3 sends no notifications to FIFO queues, and they cannot delay single messages'
  return new MediadError('config.queue', `${url} is a FIFO queue: ${why}. Create a standard queue`)
}

function hasRedrivePolicy(url: string): MediadError {
  const why = 'every recheck counts as a receive, so SQS would move healthy jobs to its dead-letter queue'
  return new MediadError(
    'config.queue',
    `${url} has a redrive policy: ${why}. Remove it; mediad dead-letters jobs itself`,
  )
}
