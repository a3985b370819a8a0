import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, isStill } from 'mediad'
import { colourFilters, toFrameInputOptions } from '../frames/colour.ts'
import { readDuration } from '../frames/duration.ts'
import { explainScrambling } from '../frames/scrambling.ts'
import { afterDemanding, toDemanding } from '../frames/trial.ts'
import { toRelativeUrl } from '../keys.ts'
import { frameArguments, readsKeyframesOnly, sheetArguments, toFrameSize } from './arguments.ts'
import { storyboardOptions } from './options.ts'
import { toInterval, toTrack } from './track.ts'

/**
 * Makes an image with a frame of every few seconds, and a WebVTT file with the part of it for each time: players show them
 * above the timeline. A source without video is skipped.
 */
export const storyboard = definePlugin('storyboard', storyboardOptions, (given) => ({
  keys: [given.key, given.trackKey],
  encoders: ['mjpeg'],
  filters: [...colourFilters, 'tile'],
  trials: ({ video }) =>
    video
      ? [
          {
            name: 'mjpeg with the filters of a storyboard',
            inputOptions: ['-noautorotate'],
            output: {
              extension: 'mkv',
              options: afterDemanding(frameArguments(given, toDemanding(video), given.intervalSeconds)),
            },
          },
        ]
      : [],
  async run(context) {
    const { video } = context.probe
    if (!video) return context.skip('the source has no video')
    if (isStill(context.probe)) return context.skip('the source is a still image')
    const intervalSeconds = toInterval(given, (await readDuration(context, video)) ?? 0)
    const frames = join(context.workspace, `storyboard-${randomUUID()}.mkv`)
    const inputOptions = [
      ...toFrameInputOptions(video),
      ...(readsKeyframesOnly(intervalSeconds) ? ['-skip_frame', 'nokey'] : []),
    ]
    const options = frameArguments(given, video, intervalSeconds)
    const made = await explainScrambling(context, () =>
      context.ffmpeg({
        inputOptions,
        outputs: [{ path: frames, options, canBeEmpty: true }],
        durationSeconds: video.durationSeconds ?? null,
        onProgress: (fraction) => context.progress(fraction * 0.9),
      }),
    )
    const count = Math.min(made.frames ?? 0, given.maxFrames)
    if (count === 0) return context.skip('no frame of the source can be decoded')
    const sheet = join(context.workspace, `storyboard-${randomUUID()}.jpg`)
    await context.ffmpeg({ input: frames, outputs: [{ path: sheet, options: sheetArguments(given, count) }] })
    const image = await context.add(sheet, 'storyboard-image', { key: given.key, contentType: 'image/jpeg' })
    const frame = toFrameSize(given, video)
    const track = join(context.workspace, `storyboard-${randomUUID()}.vtt`)
    const uri = toRelativeUrl(context.toKey({ key: given.trackKey }), image.key)
    await writeFile(track, toTrack({ uri, frame, count, intervalSeconds, columns: given.columns }))
    await context.add(track, 'storyboard', { key: given.trackKey, contentType: 'text/vtt' })
    context.progress(1)
  },
}))
