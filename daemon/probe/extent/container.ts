import type { OpenFile } from '../bytes.ts'
import type { Probe } from '../../vocabulary/media.ts'
import type { Boxes } from '../mp4/boxes.ts'
import { readDeclaredSize } from './declared-size.ts'

type Facts = Pick<
  Probe,
  'durationSeconds' | 'video' | 'audio' | 'truncated' | 'declaredBytes' | 'isStreamed' | 'hasAllBytes'
>

/** Reads what the container of a file states about its size and its duration, and whether that is credible. */
export async function readContainer(
  file: OpenFile,
  { probe, boxes, isDurationEstimated }: { probe: Probe; boxes: Boxes; isDurationEstimated: boolean },
): Promise<Facts> {
  const { bytes, isStreamed, isWhole } = await readDeclaredSize(file)
  const { video, audio } = probe
  return {
    ...(isStreamed && !isDurationEstimated
      ? toWithoutDurations(probe)
      : { durationSeconds: boxes.durationSeconds ?? probe.durationSeconds, video, audio }),
    truncated: boxes.truncated || (bytes ?? 0) > probe.sizeBytes,
    declaredBytes: bytes,
    isStreamed,
    hasAllBytes: isWhole || (boxes.movie !== null && !boxes.truncated),
  }
}

/** Returns the fields of a probe without the durations from a header that was never completed. */
function toWithoutDurations({ video, audio }: Probe): Pick<Probe, 'durationSeconds' | 'video' | 'audio'> {
  return {
    durationSeconds: null,
    video: video && { ...video, durationSeconds: null },
    audio: audio && { ...audio, durationSeconds: null },
  }
}
