import { defineConfig, env } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'
import { checksum } from './plugins/checksum.ts'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [transcode(), thumbnail(), checksum(), upload()],
})
