import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Member } from '../faults/bench.ts'
import type { FaultProxy } from '../faults/proxy.ts'
import type { Dice } from '../protocol/dice.ts'

/** A daemon that died, and when: by the wall clock, as its log tells time. */
export type Kill = { readonly member: Member; readonly at: number }

export type Weather = {
  /** Until `signal` aborts; then the fleet is complete and the lines are clean. */
  blow(signal: AbortSignal): Promise<void>
  sinceStartMs(): number
  readonly kills: readonly Kill[]
  summary(): string
}

/** Share of the requests that something happens to. */
const FAULT_RATE = 0.02

export function createWeather({ bench, dice, daemons }: { bench: Bench; dice: Dice; daemons: number }): Weather {
  const startedAt = performance.now()
  const alive = new Set<Member>(bench.members)
  const switches: { readonly hits: number; off(): void }[] = []
  const kills: Kill[] = []
  let stops = 0
  const disturb = (proxy: FaultProxy) => switches.push(...addFaults(proxy, dice))

  async function strike(): Promise<void> {
    const member = dice.pick([...alive])
    alive.delete(member)
    // the first one is killed: a soak without a death says little, however few strikes a slow machine has time for
    if (kills.length > 0 && dice.chance(0.3)) {
      stops++
      await member.daemon.stop()
    } else {
      kills.push({ member, at: Date.now() })
      await member.daemon.kill()
    }
    if (dice.chance(0.5)) await sleep(dice.between(0, 2000))
    alive.add(await bench.start(disturb))
  }

  return {
    kills,
    sinceStartMs: () => performance.now() - startedAt,
    summary() {
      const hits = switches.reduce((sum, one) => sum + one.hits, 0)
      return `${kills.length} kills, ${stops} stops, ${hits} disturbed requests`
    },
    async blow(signal) {
      for (const { proxy } of bench.members) disturb(proxy)
      while (!signal.aborted) {
        await sleep(dice.between(1500, 6000))
        if (!signal.aborted) await strike()
      }
      for (const one of switches) one.off()
      while (alive.size < daemons) alive.add(await bench.start())
    },
  }
}

/** A call is judged once: what happens to it depends on the dice alone. Start-up is spared, it refuses to run on bad ground. */
function addFaults(proxy: FaultProxy, dice: Dice) {
  const on = () => proxy.calls.length > 40 && dice.chance(FAULT_RATE / 3)
  return [
    proxy.fault({ do: 'respond', status: 503, code: 'SlowDown', on }),
    proxy.fault({ do: 'dropReply', on }),
    proxy.fault({ do: 'drop', on }),
  ]
}
