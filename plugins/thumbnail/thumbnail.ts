import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { definePlugin, MediadError, type RunContext } from 'mediad'
import { colourFilters, toFrameInputOptions } from '../frames/colour.ts'
import { afterDemanding, toDemanding } from '../frames/trial.ts'
import { thumbnailArguments } from './arguments.ts'
import { formats, thumbnailOptions, toDefaultKey, toSeconds, toTimes } from './options.ts'

/** Makes pictures of single frames. A source without a picture gets none. */
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
      if (!video) return context.skip('the source has no picture')
      const durationSeconds = video.durationSeconds ?? context.probe.durationSeconds
      for (const [index, at] of times.entries()) {
        const path = join(context.workspace, `thumbnail-${randomUUID()}.${given.format}`)
        await takeFrame(context, {
          path,
          inputOptions: toFrameInputOptions(video),
          options: thumbnailArguments(given, video),
          // its palette may be in the first packet alone
          fromStart: video.pixelFormat === 'pal8',
          at: toSeconds(at, durationSeconds),
        })
        await context.add(path, 'thumbnail', { key, contentType: format.contentType, values: { n: index + 1 } })
        context.progress((index + 1) / times.length)
      }
    },
  }
})

/** What ffmpeg fails with when there is nothing (whole) at a time: it says so, or counts what it could not decode. */
const noFrame: ReadonlySet<string> = new Set(['internal.output', 'internal.ffmpeg', 'input.corrupt'])

type Frame = { path: string; inputOptions: string[]; options: string[]; at: number; fromStart: boolean }

/** Lengths are only claimed: where there is no frame an earlier time is tried, and at last the first frame there is. */
async function takeFrame(context: RunContext, frame: Frame): Promise<void> {
  const { path, inputOptions, options, at, fromStart } = frame
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
      context.log.debug({ event: 'thumbnail.no_frame', seconds }, 'no frame at this time, an earlier one is tried')
    }
  }
  await context.ffmpeg({ inputOptions, outputs: [{ path, options }] })
}
