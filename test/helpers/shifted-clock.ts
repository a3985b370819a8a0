/** Preloaded with `node --import`. Shifts the wall clock of the process by `MEDIAD_TEST_CLOCK_SECONDS`. */
const shiftMs = Number(process.env.MEDIAD_TEST_CLOCK_SECONDS) * 1000
const RealDate = Date

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RealDate.now() + shiftMs)
    else super(...(args as [number]))
  }

  static override now(): number {
    return RealDate.now() + shiftMs
  }
} as DateConstructor
