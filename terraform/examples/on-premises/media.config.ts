import { defineConfig, env } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'

/** As on AWS: which S3 and which SQS it is, the AWS SDK learns from its environment, which is in mediad.env. */
export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [transcode(), thumbnail(), upload()],
})
