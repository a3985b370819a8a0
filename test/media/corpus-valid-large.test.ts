import { suite } from '../helpers/suite.ts'
import { addCorpusRows } from './corpus.ts'
import { video, type Rows } from './table.ts'

/** Slow files: high resolution, many frames, HDR. The others are in corpus-valid.test.ts. */
const toneMapped = [/HDR: it was tone-mapped/]

/** Most of the time of these tests is that of the encoder. */
const smaller = { maxHeight: 540 }

export const large: Rows = {
  'hdr10-av1.mp4': video(720, 1280, { warnings: toneMapped }),
  'hdr10-video-with-sdr-container.mp4': video(1920, 1080, { warnings: toneMapped }),
  'internal_emulator_transformer_output_270_rotated.mp4': video(720, 1280),
  'long_180p_av1.mp4': video(320, 180),
  'multiple_video.mp4': {
    ...video(960, 540, {
      audio: false,
      from: { video: 1 },
      warnings: [/tracks left out: 0 \(h264: another video track was chosen\), 2 .*, 3/],
    }),
    transcode: smaller,
  },
  'origin_videos.mp4': video(1080, 1920, { warnings: toneMapped }),
  'portrait_4k60.mp4': { ...video(540, 960), transcode: { maxHeight: 960 } },
}

addCorpusRows(suite('large valid files', { exhaustive: true }), {
  folder: 'valid',
  covers: (name) => name in large,
  rows: large,
})
