/**
 * `npm run mutate:terraform [-- PATTERN]`: breaks the modules in many ways, one at a time, and checks that the tests detect each
 * defect. Exits with 1 when the named run does not detect one.
 */
import { detectMutation } from './detect.ts'
import { mutations } from './mutations.ts'
import { openTerraform, findTerraformSkipReason } from '../helpers/terraform.ts'

const skipReason = findTerraformSkipReason()
if (skipReason !== null) throw new Error(skipReason)
const pattern = process.argv[2] ?? ''
const wanted = mutations.filter(({ name, detectedBy }) => `${name} ${detectedBy}`.includes(pattern))
await using terraform = await openTerraform()
await terraform.runOrThrow(['init', '-backend=false', '-input=false'])
let missed = 0
for (const mutation of wanted) {
  const isDetected = await detectMutation(terraform, mutation)
  if (!isDetected) missed++
  console.log(`${isDetected ? 'detected' : 'MISSED  '} ${mutation.name} (${mutation.detectedBy})`)
}
console.log(`${wanted.length - missed} of ${wanted.length} mutations detected`)
process.exitCode = missed === 0 && wanted.length > 0 ? 0 : 1
