import { suite } from '../helpers/suite.ts'
import { addCorpusRows } from './corpus.ts'
import { film, type Rows } from './table.ts'

/** What takes long: large pictures, many of them, HDR. The rest is in the table of the small ones. */
const toneMapped = [/HDR: it was tone-mapped/]

export const large: Rows = {
  'hdr10-av1.mp4': film(720, 1280, { warnings: toneMapped }),
  'hdr10-video-with-sdr-container.mp4': film(1920, 1080, { warnings: toneMapped }),
  'internal_emulator_transformer_output_270_rotated.mp4': film(720, 1280),
  'long_180p_av1.mp4': film(320, 180),
  'multiple_video.mp4': film(1920, 1080, {
    sound: false,
    from: { video: 1 },
    warnings: [/tracks left out: 0 \(h264: another video track was chosen\), 2 .*, 3/],
  }),
  'origin_videos.mp4': film(1080, 1920, { warnings: toneMapped }),
  'portrait_4k60.mp4': film(2160, 3840),
}

addCorpusRows(suite('large valid files', { exhaustive: true }), {
  folder: 'valid',
  covers: (name) => name in large,
  rows: large,
})
