import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A file of the page, as it is served. Its name contains a hash of its content. */
export type BundledFile = { readonly name: string; readonly contentType: string; readonly encodings: readonly string[] }

/** What `npm run build:page` writes to `bundle.json`, next to the files. */
export type Bundle = {
  /** Name of the script that the page loads. It imports the others when it needs them. */
  readonly script: string
  readonly style: string
  readonly files: readonly BundledFile[]
}

export type OpenBundle = () => Promise<Bundle | null>

/** The folder of the bundle: beside the compiled daemon, or in `dist` when the sources run. */
export const bundleFolder: string = import.meta.filename.endsWith('.ts')
  ? join(import.meta.dirname, '../../../dist/daemon/page')
  : join(import.meta.dirname, '../../page')

/** Reads the bundle once. It is null as long as it has not been built. */
export function createBundle(folder: string): OpenBundle {
  let read: Promise<Bundle | null> | undefined
  return async () => {
    const bundle = await (read ??= readBundle(folder))
    if (bundle === null) read = undefined
    return bundle
  }
}

async function readBundle(folder: string): Promise<Bundle | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8')) as Bundle
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
