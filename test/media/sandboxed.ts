/**
 * Runs the chain on the files in the command line and prints their results as JSON. Tests start it in a network
 * namespace.
 */
import { basename } from 'node:path'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { openFileBench } from '../helpers/run-file.ts'

await using bench = await openFileBench()
const outcomes: Record<string, string> = {}
for (const path of process.argv.slice(2)) {
  const result = await bench.run(path, [transcode({ preset: 'ultrafast' }), thumbnail(), upload()])
  outcomes[basename(path)] = result.ok ? 'accepted' : result.code
}
process.stdout.write(JSON.stringify(outcomes))
