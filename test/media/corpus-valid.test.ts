import { readFileSync } from 'node:fs'
import { suite } from '../helpers/suite.ts'
import { addCorpusRows } from './corpus.ts'
import { film, refused, soundOnly } from './table.ts'

/** The names that stand in the table of the large ones. */
const large = readFileSync(new URL('corpus-valid-large.test.ts', import.meta.url), 'utf8')
const similar = { ssim: 0.97 }
const silent = { ...similar, sound: false }

addCorpusRows(suite('small valid files'), {
  folder: 'valid',
  quick: [
    'bbb_176x144_128kbps_15fps_h263.3gp',
    'bear.opus',
    'bear-vp9-odd-dimensions.webm',
    'multiple_audio.mp4',
    'sample_vvc.mp4',
    'tiny_av1.mp4',
  ],
  covers: (name) => !large.includes(`'${name}'`),
  rows: {
    'bbb_176x144_128kbps_15fps_h263.3gp': film(176, 144, silent),
    'bbb_800x640_768kbps_30fps_vp9.mp4': film(1136, 640, silent),
    'bbb_mono_8kHz_12.2kbps_amrnb.3gp': soundOnly(),
    'bear-vp9-odd-dimensions.webm': film(160, 120, {
      ...silent,
      lightOnly: true,
      reference: ['crop=160:120:0:0:exact=1'],
    }),
    'bear.opus': soundOnly(),
    'bear_vorbis.ogg': soundOnly(),
    'full_blocks.mkv': refused('input.no_av'),
    'iibbibb_editlist_videoonly.mp4': film(704, 576, { sound: false }),
    'multiple_audio.mp4': soundOnly({ warnings: [/tracks left out: 1 \(ac3: another audio track was chosen\)/] }),
    'roadtrip-vp92-10bit.webm': film(426, 240, silent),
    'sample.avi': film(960, 400, similar),
    'sample.flv': film(1080, 720, similar),
    'sample.mp4': film(1080, 720, similar),
    'sample_android_slow_motion.mp4': film(1280, 720, silent),
    'sample_audio_only.mp4': soundOnly(),
    'sample_h262_mpeg_audio.ps': film(640, 426, { warnings: [/tracks left out: 0/] }),
    'sample_h264_mpeg_audio.ts': film(640, 426, similar),
    'sample_rotate_and_reflect.mp4': film(720, 1080, similar),
    'sample_still_photo.heic': refused('input.unsupported_codec', /heic/),
    'sample_video_only.mp4': film(1080, 720, silent),
    'sample_vvc.mp4': refused('input.unsupported_codec', /vvc1/),
    'sample_with_ass_subtitles.mkv': film(1080, 720, { ...similar, warnings: [/subtitles left out: 1/] }),
    'sample_with_chapters.mp4': film(1080, 720, { ...similar, warnings: [/tracks left out: 2/] }),
    'sample_with_pgs_subtitles.mkv': film(1080, 720, { ...similar, warnings: [/subtitles left out: 1/] }),
    'seek.webm': film(320, 240, silent),
    'sine-3s-xhe-aac-44khz-mono.mp4': refused('input.unsupported_codec', /aac/),
    'tiny_av1.mp4': film(64, 64, silent),
  },
})
