import { readFile } from 'node:fs/promises'

/** Reads a file of the system; null if it does not exist or cannot be read, as on systems other than Linux. */
export type ReadText = (path: string) => Promise<string | null>

export const readSystemText: ReadText = (path) => readFile(path, 'utf8').catch(() => null)
