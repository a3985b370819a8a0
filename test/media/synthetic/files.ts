import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ffmpeg } from '../../helpers/media.ts'

/** Creates a file at a path. Temporary files go beside it, under names that start with the path. */
export type Maker = (path: string) => Promise<void>

/** The makers of files, by file name. */
export type Makers = Readonly<Record<string, Maker>>

/** Creates a file with ffmpeg. The options are those before the output path. */
export const encode =
  (...options: readonly (string | readonly string[])[]): Maker =>
  (path) =>
    ffmpeg([...options.flat(), path])

/** Writes the content as it is. */
export const writeContent =
  (content: Buffer | string): Maker =>
  (path) =>
    writeFile(path, content)

/** Returns a function from a name to the path of that file in a folder. A file is created at its first request. */
export function createFiles(folder: string, makers: Makers): (name: string) => Promise<string> {
  const paths = new Map<string, Promise<string>>()
  const create = async (name: string) => {
    const maker = makers[name]
    if (!maker) throw new Error(`no maker for ${name}`)
    await mkdir(folder, { recursive: true })
    const path = join(folder, name)
    await maker(path)
    return path
  }
  return (name) => {
    const path = paths.get(name) ?? create(name)
    paths.set(name, path)
    return path
  }
}

export type InputOptions = {
  /** Default 2. */
  seconds?: number
  /** Default `160x90`. */
  size?: string
  /** Default 25. */
  fps?: number
}

/** Returns ffmpeg options for a video input: a test pattern with motion, detail and colour. */
export function videoInput({ seconds = 2, size = '160x90', fps = 25 }: InputOptions = {}): string[] {
  return ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${fps}:duration=${seconds}`]
}

/** Returns ffmpeg options for an audio input: a tone at 48 kHz. */
export function audioInput({ seconds = 2 }: InputOptions = {}, frequency = 440): string[] {
  return ['-f', 'lavfi', '-i', `sine=frequency=${frequency}:sample_rate=48000:duration=${seconds}`]
}

/** Returns ffmpeg options for both: the video is input 0, the audio input 1. */
export function inputs(options: InputOptions = {}): string[] {
  return [...videoInput(options), ...audioInput(options)]
}

export const h264: readonly string[] = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']
export const aac: readonly string[] = ['-c:a', 'aac', '-b:a', '64k']

/** Creates an H.264 video with AAC audio. The container depends on the file name. */
export const plainVideo = (options: InputOptions = {}): Maker => encode(inputs(options), h264, aac)
