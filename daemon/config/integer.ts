import { z } from 'zod'
import { describeMissing } from '../vocabulary/missing.ts'
import { show } from '../vocabulary/validation.ts'

/** A whole number between two others, both included. */
export function whole(min: number, max: number) {
  const error = ({ input }: { input?: unknown }) =>
    describeMissing(input) ?? `must be a whole number from ${min} to ${max}, not ${show(input)}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}
