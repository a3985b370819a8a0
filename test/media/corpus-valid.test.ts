import { readFileSync } from 'node:fs'
import { byRelease } from '../helpers/ffmpeg-version.ts'
import { suite } from '../helpers/suite.ts'
import { addCorpusRows } from './corpus.ts'
import { video, rejected, audioOnly } from './table.ts'

/** The source of the other table, to find the names in it. */
const large = readFileSync(new URL('corpus-valid-large.test.ts', import.meta.url), 'utf8')
const similar = { ssim: 0.97 }
const silent = { ...similar, audio: false }

addCorpusRows(suite('small valid files'), {
  folder: 'valid',
  quick: ['bear.opus'],
  covers: (name) => !large.includes(`'${name}'`),
  rows: {
    'bbb_176x144_128kbps_15fps_h263.3gp': video(176, 144, silent),
    'bbb_800x640_768kbps_30fps_vp9.mp4': video(1136, 640, silent),
    'bbb_mono_8kHz_12.2kbps_amrnb.3gp': audioOnly(),
    'bear-vp9-odd-dimensions.webm': video(160, 120, {
      ...silent,
      lumaOnly: true,
      reference: ['crop=160:120:0:0:exact=1'],
    }),
    'bear.opus': audioOnly(),
    'bear_vorbis.ogg': audioOnly(),
    'full_blocks.mkv': rejected('input.no_av'),
    'iibbibb_editlist_videoonly.mp4': video(704, 576, { audio: false }),
    'multiple_audio.mp4': audioOnly({ warnings: [/tracks left out: 1 \(ac3: another audio track was chosen\)/] }),
    'roadtrip-vp92-10bit.webm': video(426, 240, silent),
    'sample.avi': video(960, 400, similar),
    'sample.flv': video(1080, 720, similar),
    'sample.mp4': video(1080, 720, similar),
    'sample_android_slow_motion.mp4': video(1280, 720, silent),
    'sample_audio_only.mp4': audioOnly(),
    'sample_h262_mpeg_audio.ps': video(640, 426, { warnings: [/tracks left out: 0/] }),
    'sample_h264_mpeg_audio.ts': video(640, 426, similar),
    'sample_rotate_and_reflect.mp4': video(720, 1080, similar),
    'sample_still_photo.heic': rejected('input.unsupported_codec', /heic/),
    'sample_video_only.mp4': video(1080, 720, silent),
    'sample_vvc.mp4': byRelease({
      '5.1': rejected('input.unsupported_codec', /vvc1/),
      '7.1': video(320, 180, { audio: false }),
    }),
    'sample_with_ass_subtitles.mkv': video(1080, 720, { ...similar, warnings: [/subtitles left out: 1/] }),
    'sample_with_chapters.mp4': video(1080, 720, { ...similar, warnings: [/tracks left out: 2/] }),
    'sample_with_pgs_subtitles.mkv': video(1080, 720, { ...similar, warnings: [/subtitles left out: 1/] }),
    'seek.webm': video(320, 240, silent),
    'sine-3s-xhe-aac-44khz-mono.mp4': byRelease({
      '5.1': rejected('input.unsupported_codec', /aac/),
      '7.1': audioOnly(),
    }),
    'tiny_av1.mp4': video(64, 64, silent),
  },
})
