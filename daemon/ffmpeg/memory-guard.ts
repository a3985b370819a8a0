import { MediadError } from '../vocabulary/errors.ts'
import { printed } from '../programs/printed/lines.ts'

/** More lines than a file with damaged packets makes a demuxer print. */
const MAX_LINES = 1000

/**
 * Returns a function that takes every line of stderr, and calls `onExhausted` once ffmpeg has printed 1,000 times that it
 * cannot allocate memory: without memory for a frame, a decoder of ffmpeg 7.1 tries again forever.
 */
export function createMemoryGuard(onExhausted: (error: MediadError) => void): (line: string) => void {
  let count = 0
  return (line) => {
    if (!printed.noMemory.pattern.test(line)) return
    count++
    if (count === MAX_LINES)
      onExhausted(new MediadError('resource.memory', 'ffmpeg ran out of memory', { stderr: [line] }))
  }
}
