/** Arguments of one ffmpeg run of a job. */
export type Command = readonly string[]

/** Stands for the folder of a job in a {@link Command}. The source in it is called `source`. */
export const FOLDER = '{folder}'
