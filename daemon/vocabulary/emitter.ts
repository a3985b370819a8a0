import { toMessage } from './errors.ts'
import type { DaemonEvent, Emit } from './events.ts'
import type { DaemonLog } from './log.ts'

type EventType = DaemonEvent['type']

/** Gets events as they happen. It must not block: the daemon goes on when it returns. A promise is never awaited. */
export type Listener<Type extends EventType = EventType> = (event: Extract<DaemonEvent, { type: Type }>) => unknown

/** The events of one daemon, for any number of listeners. */
export type Emitter = {
  /** Costs one comparison when there are no listeners. */
  emit: Emit
  /** Adds a listener, of all events or of some types. Returns the function that removes it. */
  on<Type extends EventType = EventType>(listener: Listener<Type>, types?: readonly Type[]): () => void
}

/** Creates an emitter. A listener that throws or rejects is logged, once per failure; it stops neither the others nor a job. */
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
