import { toMessage } from './errors.ts'
import type { DaemonEvent, Emit } from './events.ts'
import type { DaemonLog } from './log.ts'

type EventType = DaemonEvent['type']

/** Receives events as they happen. It must not block: the daemon waits until it returns, but does not await a promise. */
export type Listener<Type extends EventType = EventType> = (event: Extract<DaemonEvent, { type: Type }>) => unknown

/** Delivers the events of one daemon to any number of listeners. */
export type Emitter = {
  /** Publishes an event to the listeners. Costs one comparison when there are none. */
  emit: Emit
  /** Adds a listener for all events, or for events of the given types. Returns a function that removes it. */
  on<Type extends EventType = EventType>(listener: Listener<Type>, types?: readonly Type[]): () => void
}

/** Creates an emitter. Every failure of a listener is logged; it affects neither the other listeners nor a job. */
export function createEmitter(log: Pick<DaemonLog, 'error'>): Emitter {
  const deliveries = new Set<(event: DaemonEvent) => unknown>()
  const report = (type: EventType, error: unknown) =>
    log.error({ event: 'listener.failed', error, type }, `event listener failed: ${toMessage(error)}`)
  return {
    emit(event) {
      if (deliveries.size === 0) return
      // a copy: listeners can come and go while the event is delivered
      for (const deliver of Array.from(deliveries)) {
        if (!deliveries.has(deliver)) continue
        Promise.try(deliver, event).catch((error: unknown) => report(event.type, error))
      }
    },
    on(listener, types) {
      const isWanted = (event: DaemonEvent): event is Parameters<typeof listener>[0] =>
        types === undefined || types.some((type) => type === event.type)
      const deliver = (event: DaemonEvent) => (isWanted(event) ? listener(event) : undefined)
      deliveries.add(deliver)
      return () => void deliveries.delete(deliver)
    },
  }
}
