import { join } from 'node:path'
import { definePlugin, z } from 'mediad'

const options = z.object({
  columns: z.int().min(1).max(10).default(4),
  rows: z.int().min(1).max(10).default(3),
})

/** Creates an image with a grid of small frames, taken at equal intervals over the whole duration. */
export const contactSheet = definePlugin('contact-sheet', options, ({ columns, rows }) => ({
  keys: ['sheet_{name}.jpg'],
  encoders: ['mjpeg'],
  async run({ probe: { video, durationSeconds }, workspace, ffmpeg, add, progress, log }) {
    if (!video || !durationSeconds) return log.info('no contact sheet: the source has no video or no known duration')
    const path = join(workspace, 'sheet.jpg')
    const filters = `fps=${columns * rows}/${durationSeconds},scale=240:-2,tile=${columns}x${rows}`
    const outputOptions = ['-map', `0:${video.index}`, '-vf', filters, '-frames:v', '1', '-f', 'image2', '-update', '1']
    await ffmpeg({ outputs: [{ path, options: outputOptions }], durationSeconds, onProgress: progress })
    await add(path, 'contact-sheet', { key: 'sheet_{name}.jpg', contentType: 'image/jpeg' })
  },
}))
