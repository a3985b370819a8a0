/**
 * Imports the files that daemons and tests import, so that Node writes them to `NODE_COMPILE_CACHE` and later processes need
 * not compile them again. A daemon that is killed writes nothing to that cache.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const files = globSync(['daemon/**/*.ts', 'plugins/**/*.ts', 'test/faults/explore.ts', 'test/media/rows.ts'], {
  cwd: root,
})
// importing main.ts would run the command
await Promise.all(files.filter((file) => file !== 'daemon/main.ts').map((file) => import(join(root, file))))
