import { defineConfig, env } from 'mediad'
import { dash, hls, storyboard, thumbnail, transcode, upload } from 'mediad/plugins'

/** Makes renditions for adaptive streaming, with the playlists of HLS and the manifest of DASH. */
export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [
    transcode({ renditions: 'auto', preset: 'veryfast', audio: { languages: 'all' }, subtitles: 'webvtt' }),
    hls(),
    dash(),
    thumbnail(),
    storyboard(),
    upload(),
  ],
})
