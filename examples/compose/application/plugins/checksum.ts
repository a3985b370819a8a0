import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { definePlugin, z } from 'mediad'

/** Adds a text file with the SHA-256 of the source. */
export const checksum = definePlugin('checksum', z.object({}), () => ({
  keys: ['sum_{name}.txt'],
  async run({ input, workspace, signal, add }) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(input), hash, { signal })
    const path = join(workspace, 'sum.txt')
    await writeFile(path, hash.digest('hex'))
    await add(path, 'checksum', { key: 'sum_{name}.txt', contentType: 'text/plain' })
  },
}))
