import type { RunContext, VideoStream } from 'mediad'

/**
 * Returns the duration of the video in seconds; null when the file states none, or only an estimate. Recorders of browsers
 * write none, and ffprobe estimates that of some files: when it is needed, the packets are read to the last one, without
 * decoding them.
 */
export async function readDuration(
  { probe, ffmpeg }: RunContext,
  { index, durationSeconds }: VideoStream,
  isNeeded = true,
): Promise<number | null> {
  const declared = probe.isDurationEstimated === true ? null : (durationSeconds ?? probe.durationSeconds)
  if (declared !== null || !isNeeded) return declared
  const { outSeconds } = await ffmpeg({ outputs: [], alsoDecode: ['-map', `0:${index}`, '-c', 'copy'] })
  return outSeconds
}
