/**
 * Run by tests inside a namespace or a jail: puts the files that are named on the command line through the chain, and prints
 * what became of each as JSON.
 */
import { basename } from 'node:path'
import { thumbnail, transcode } from '../../plugins/index.ts'
import { openFileBench } from '../helpers/run-file.ts'

await using bench = await openFileBench()
const outcomes: Record<string, string> = {}
for (const path of process.argv.slice(2)) {
  const ran = await bench.run(path, [transcode({ preset: 'ultrafast' }), thumbnail()])
  outcomes[basename(path)] = ran.ok ? 'accepted' : ran.code
}
process.stdout.write(JSON.stringify(outcomes))
