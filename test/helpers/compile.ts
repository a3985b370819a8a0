/**
 * Imports what daemons and their tests import, so that Node writes it to `NODE_COMPILE_CACHE`: processes that start later
 * need not strip and compile it again. (A daemon that is killed writes nothing there.)
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const files = globSync(['daemon/**/*.ts', 'plugins/**/*.ts', 'test/faults/explore.ts', 'test/media/rows.ts'], {
  cwd: root,
})
// main.ts would run the command line
await Promise.all(files.filter((file) => file !== 'daemon/main.ts').map((file) => import(join(root, file))))
