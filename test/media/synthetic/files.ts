import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ffmpeg } from '../../helpers/media.ts'

/** Makes one file at a path; whatever else it writes goes beside it, under a name that begins with the path. */
export type Maker = (path: string) => Promise<void>

/** Files by their names, each with the way to make it. */
export type Makers = Readonly<Record<string, Maker>>

/** Makes a file with ffmpeg: the options without the path. */
export const by =
  (...options: readonly (string | readonly string[])[]): Maker =>
  (path) =>
    ffmpeg([...options.flat(), path])

/** Gives paths of made files in a folder; each is made once, when it is first asked for. */
export function createFiles(folder: string, makers: Makers): (name: string) => Promise<string> {
  const made = new Map<string, Promise<string>>()
  const make = async (name: string) => {
    const maker = makers[name]
    if (!maker) throw new Error(`nobody makes ${name}`)
    await mkdir(folder, { recursive: true })
    const path = join(folder, name)
    await maker(path)
    return path
  }
  return (name) => {
    const path = made.get(name) ?? make(name)
    made.set(name, path)
    return path
  }
}

export type Film = {
  /** Default 2. */
  seconds?: number
  /** Default `160x90`. */
  size?: string
  /** Default 25. */
  fps?: number
}

/** The picture of an ordinary film as ffmpeg's input: moving, detailed, coloured. */
export function picture({ seconds = 2, size = '160x90', fps = 25 }: Film = {}): string[] {
  return ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${fps}:duration=${seconds}`]
}

/** Its sound: a tone at 48 kHz. */
export function sound({ seconds = 2 }: Film = {}, frequency = 440): string[] {
  return ['-f', 'lavfi', '-i', `sine=frequency=${frequency}:sample_rate=48000:duration=${seconds}`]
}

/** Picture and sound as ffmpeg's inputs 0 and 1. */
export function film(given: Film = {}): string[] {
  return [...picture(given), ...sound(given)]
}

export const h264: readonly string[] = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']
export const aac: readonly string[] = ['-c:a', 'aac', '-b:a', '64k']

/** An ordinary film; the container follows the path. */
export const plainFilm = (given: Film = {}): Maker => by(film(given), h264, aac)
