import * as assert from 'uvu/assert'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { suite } from '../helpers/suite.ts'
import { startBench } from './bench.ts'
import type { Call } from './calls.ts'

const row = runInParallel(suite('sources that S3 cannot return', { timeoutSeconds: ROW_SECONDS }))

/** S3's errors for a source, by its key. */
const faults: Readonly<Record<string, { status: number; code: string }>> = {
  'origin_archived.mp4': { status: 403, code: 'InvalidObjectState' },
  'origin_locked.mp4': { status: 400, code: 'KMS.DisabledException' },
}

row(
  'S12: a source that is archived, or whose KMS key is disabled, is rejected at once and slows nothing down',
  async () => {
    await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]' })
    for (const [key, error] of Object.entries(faults)) {
      bench.first.proxy.fault({
        on: (call: Call) => call.name === 'GET source' && call.key === key,
        do: 'respond',
        ...error,
      })
      await bench.upload(key, await tinyVideo())
    }
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.waitUntilIdle()
    await bench.checkInvariants({ dead: Object.keys(faults) })
    const documents = await Promise.all(Object.keys(faults).map((key) => bench.document(key)))
    const ends = documents.map((document) => [document?.error?.code, document?.attempt])
    assert.equal(ends, [
      ['input.archived', 1],
      ['input.key_unavailable', 1],
    ])
    assert.is(bench.countEvents('circuit.tripped'), 0)
  },
)
