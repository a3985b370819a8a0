import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { definePlugin, MediadError, type RunContext } from 'mediad'
import { colourFilters, toFrameInputOptions } from '../frames/colour.ts'
import { readDuration } from '../frames/duration.ts'
import { explainScrambling } from '../frames/scrambling.ts'
import { afterDemanding, toDemanding } from '../frames/trial.ts'
import { thumbnailArguments } from './arguments.ts'
import { formats, thumbnailOptions, toDefaultKey, toSeconds, toTimes, type Time } from './options.ts'

/** Makes images of single frames. A source without video is skipped. */
export const thumbnail = definePlugin('thumbnail', thumbnailOptions, (given) => {
  const times = toTimes(given.at)
  const format = formats[given.format]
  const key = given.key ?? toDefaultKey(given.format, times.length)
  return {
    keys: [key],
    encoders: [format.encoder],
    filters: colourFilters,
    trials: ({ video }) =>
      video
        ? [
            {
              name: `${format.encoder} with the filters of HDR, transparency and interlaced video`,
              inputOptions: ['-noautorotate'],
              output: {
                extension: given.format,
                options: afterDemanding(thumbnailArguments(given, toDemanding(video))),
              },
            },
          ]
        : [],
    async run(context) {
      const { video } = context.probe
      if (!video) return context.skip('the source has no video')
      const durationSeconds = await readDuration(context, video, needsDuration(times))
      for (const [index, at] of times.entries()) {
        const path = join(context.workspace, `thumbnail-${randomUUID()}.${given.format}`)
        const request = {
          path,
          inputOptions: toFrameInputOptions(video),
          options: thumbnailArguments(given, video),
          // only the first packet is sure to contain the palette
          fromStart: video.pixelFormat === 'pal8',
          at: toSeconds(at, durationSeconds),
        }
        await explainScrambling(context, () => extractFrame(context, request))
        await context.add(path, 'thumbnail', { key, contentType: format.contentType, values: { n: index + 1 } })
        context.progress((index + 1) / times.length)
      }
    },
  }
})

/** Whether a time depends on the duration of the video. */
const needsDuration = (times: readonly Time[]) => times.some((time) => typeof time === 'string' && time !== '0%')

/** Error codes of ffmpeg when there is no decodable frame at a time. */
const noFrame: ReadonlySet<string> = new Set(['internal.output', 'internal.ffmpeg', 'input.corrupt'])

type FrameRequest = { path: string; inputOptions: string[]; options: string[]; at: number; fromStart: boolean }

/**
 * Makes the image of one frame. The duration in a header can be wrong: without a frame at the time, earlier times are tried,
 * then the first frame.
 */
async function extractFrame(context: RunContext, request: FrameRequest): Promise<void> {
  const { path, inputOptions, options, at, fromStart } = request
  for (const seconds of at > 0 ? [at, at / 2, at / 10] : []) {
    try {
      const seek = ['-ss', seconds.toFixed(3)]
      await context.ffmpeg(
        fromStart
          ? { inputOptions, outputs: [{ path, options: [...seek, ...options] }] }
          : { inputOptions: [...inputOptions, ...seek], outputs: [{ path, options }] },
      )
      return
    } catch (error) {
      if (!(error instanceof MediadError && noFrame.has(error.code))) throw error
      context.log.debug({ event: 'thumbnail.no_frame', seconds }, 'no frame at this time, trying an earlier one')
    }
  }
  await context.ffmpeg({ inputOptions, outputs: [{ path, options }] })
}
