import { errorCodes } from '../vocabulary/errors.ts'
import type { AttemptFields, DaemonEvent, EventError } from '../vocabulary/events.ts'
import type { JobError } from '../vocabulary/job.ts'
import type { Meter } from './meter.ts'

type Handlers = { readonly [Type in DaemonEvent['type']]?: (event: Extract<DaemonEvent, { type: Type }>) => void }

/** How an attempt of this daemon ended. */
type Result = 'succeeded' | 'failed' | 'dead' | 'released' | 'abandoned'

/** Creates the listener that turns events into metrics. No label has a value that depends on a job. */
export function createRecorder(meter: Meter): (event: DaemonEvent) => void {
  const handlers: Handlers = {
    ...createJobHandlers(meter),
    ...createQueueHandlers(meter),
    ...createLeaseHandlers(meter),
  }
  return (event) => (handlers[event.type] as ((event: DaemonEvent) => void) | undefined)?.(event)
}

function createJobHandlers({ add, observe }: Meter): Handlers {
  const enter = (state: 'processing' | 'succeeded' | 'failed' | 'released' | 'dead') =>
    add('mediad_jobs_total', 1, { state })
  const end = (result: Result, { seconds, plugins }: AttemptFields, error?: EventError | JobError) => {
    add('mediad_attempts_total', 1, { result })
    if (seconds !== null) observe('mediad_attempt_duration_seconds', seconds, { result })
    for (const { plugin, ...timing } of plugins) {
      observe('mediad_plugin_duration_seconds', timing.seconds, { plugin })
      observe('mediad_plugin_cpu_seconds', timing.cpuSeconds, { plugin })
    }
    if (error) add('mediad_verdicts_total', 1, { verdict: error.verdict, code: toKnownCode(error.code) })
  }
  return {
    'job:started': () => enter('processing'),
    'job:warned': ({ plugin }) => add('mediad_warnings_total', 1, { plugin }),
    'job:succeeded': (event) => {
      enter('succeeded')
      end('succeeded', event)
      add('mediad_media_seconds_total', event.mediaSeconds ?? 0)
      add('mediad_source_bytes_total', event.bytesIn)
      add('mediad_output_bytes_total', event.bytesOut)
    },
    'job:failed': (event) => {
      enter('failed')
      end('failed', event, event.error)
    },
    'job:released': (event) => {
      enter('released')
      end('released', event, event.error)
    },
    'job:dead_lettered': (event) => {
      enter('dead')
      // otherwise the attempt was that of another daemon, which has counted it, or died
      if (event.byOwner) end('dead', event, event.error)
    },
    'job:abandoned': (event) => end('abandoned', event, event.error),
  }
}

function createQueueHandlers({ add, set }: Meter): Handlers {
  return {
    'poll:finished': ({ queue, messages }) => {
      add('mediad_queue_receives_total', 1, { queue, result: messages > 0 ? 'messages' : 'empty' })
      add('mediad_queue_received_messages_total', messages, { queue })
    },
    'poll:failed': ({ queue }) => add('mediad_queue_receives_total', 1, { queue, result: 'error' }),
    'message:dead_lettered': ({ queue }) => add('mediad_dead_lettered_messages_total', 1, { queue }),
    'circuit:tripped': ({ queue, by }) => {
      set('mediad_circuit_open', 1, { queue })
      add('mediad_circuit_trips_total', 1, { queue, by })
    },
    'circuit:reset': ({ queue }) => set('mediad_circuit_open', 0, { queue }),
  }
}

function createLeaseHandlers({ add }: Meter): Handlers {
  return {
    'heartbeat:written': () => add('mediad_heartbeats_total', 1, { result: 'written' }),
    'heartbeat:missed': () => add('mediad_heartbeats_total', 1, { result: 'missed' }),
    'lease:lost': () => add('mediad_leases_lost_total', 1),
    'lease:taken_over': () => add('mediad_takeovers_total', 1),
    'sweep:decided': ({ decision }) => add('mediad_sweeps_total', 1, { decision }),
    'sweep:failed': () => add('mediad_sweeps_total', 1, { decision: 'failed' }),
  }
}

/** The code of an error in a job document can be that of another version of mediad. */
const toKnownCode = (code: string): string => (Object.hasOwn(errorCodes, code) ? code : 'other')
