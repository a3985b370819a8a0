import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Member } from '../faults/bench.ts'
import type { FaultProxy } from '../faults/proxy.ts'
import type { Random } from '../protocol/random.ts'

/** A killed daemon, and the time by the wall clock, which its log uses too. */
export type Kill = { readonly member: Member; readonly at: number }

export type FaultInjector = {
  /** Injects faults until `signal` aborts; then removes all faults and starts the missing daemons. */
  run(signal: AbortSignal): Promise<void>
  sinceStartMs(): number
  readonly kills: readonly Kill[]
  summary(): string
}

/** Share of the requests that a fault affects. */
const FAULT_RATE = 0.02

export function createFaultInjector({
  bench,
  random,
  daemons,
}: {
  bench: Bench
  random: Random
  daemons: number
}): FaultInjector {
  const startedAt = performance.now()
  const running = new Set<Member>(bench.members)
  const faults: { readonly hits: number; off(): void }[] = []
  const kills: Kill[] = []
  let stops = 0
  const disturb = (proxy: FaultProxy) => faults.push(...addFaults(proxy, random))

  async function replaceDaemon(): Promise<void> {
    const member = random.pick([...running])
    running.delete(member)
    // the first daemon is killed in any case: a slow machine may have time for one replacement only
    if (kills.length > 0 && random.chance(0.3)) {
      stops++
      await member.daemon.stop()
    } else {
      kills.push({ member, at: Date.now() })
      await member.daemon.kill()
    }
    if (random.chance(0.5)) await sleep(random.between(0, 2000))
    running.add(await bench.start(disturb))
  }

  return {
    kills,
    sinceStartMs: () => performance.now() - startedAt,
    summary() {
      const hits = faults.reduce((sum, one) => sum + one.hits, 0)
      return `${kills.length} kills, ${stops} stops, ${hits} disturbed requests`
    },
    async run(signal) {
      for (const { proxy } of bench.members) disturb(proxy)
      while (!signal.aborted) {
        await sleep(random.between(1500, 6000))
        if (!signal.aborted) await replaceDaemon()
      }
      for (const one of faults) one.off()
      while (running.size < daemons) running.add(await bench.start())
    },
  }
}

/** Adds random faults. The first calls are left alone, because a daemon does not start when its checks fail. */
function addFaults(proxy: FaultProxy, random: Random) {
  const on = () => proxy.calls.length > 40 && random.chance(FAULT_RATE / 3)
  return [
    proxy.fault({ do: 'respond', status: 503, code: 'SlowDown', on }),
    proxy.fault({ do: 'dropReply', on }),
    proxy.fault({ do: 'drop', on }),
  ]
}
