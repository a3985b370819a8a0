/** Filter that converts to the BT.601 matrix, which JPEG and WebP imply, whatever the matrix of the video. */
export const imageMatrix = 'scale=out_color_matrix=bt601'

/** Returns the options of the encoder of JPEG for a quality from 1 (worst) to 100. ffmpeg's scale goes from 31 (worst) to 2. */
export const toJpegOptions = (quality: number): string[] => ['-q:v', String(Math.round(31 - (quality / 100) * 29))]
