import type { VideoStream } from 'mediad'

/** Whether the video is RGB, with or without alpha, or uses a palette of RGB colours. */
export function isRgb({ pixelFormat, matrix }: VideoStream): boolean {
  return matrix === 'gbr' || /^(?:gbr|x?rgb|x?bgr|argb|abgr|0rgb|0bgr|pal8)/.test(pixelFormat ?? '')
}
