import { MediadError } from '../vocabulary/errors.ts'
import { proveConditionalWrites } from '../storage/selftest.ts'
import type { Check, CheckDeps } from './check.ts'
import { createFfmpegChecks } from './ffmpeg-checks.ts'

/** Everything that must be true before a daemon takes its first message, in the order a person would look. */
export function createChecks({ config, openPrograms, storage, queues, log }: CheckDeps): Check[] {
  const queue = (name: 'work' | 'inProgress' | 'dead'): Check => ({
    name: `queue ${name}`,
    async run() {
      const { visible, hidden, delayed, hasRedrive } = await queues[name].depth()
      if (hasRedrive && name !== 'dead') throw hasRedrivePolicy(config.queues[name].url)
      return `${config.queues[name].url}: ${visible} waiting, ${hidden} in flight, ${delayed} delayed`
    },
  })
  return [
    ...createFfmpegChecks({ config, openPrograms, log }),
    {
      name: 'bucket',
      async run() {
        await proveConditionalWrites(storage, { bucket: config.bucket, prefix: config.state.prefix })
        return `${config.bucket}: reads, writes, honours conditional writes`
      },
    },
    queue('work'),
    queue('inProgress'),
    queue('dead'),
  ]
}

function hasRedrivePolicy(url: string): MediadError {
  const why = 'waiting counts as receiving: SQS would move healthy jobs away. mediad has a dead queue of its own'
  return new MediadError('config.queue', `${url} has a redrive policy; remove it (${why})`)
}
