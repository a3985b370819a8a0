/**
 * `npm run mutate:terraform [-- PATTERN]`: breaks the modules in many ways, one at a time, and shows that the tests notice each.
 * Exits 1 when one is not noticed by whom it should be.
 */
import { detectMutation } from './detect.ts'
import { mutations } from './mutations.ts'
import { openTerraform, findTerraformSkipReason } from '../helpers/terraform.ts'

const why = findTerraformSkipReason()
if (why !== null) throw new Error(why)
const pattern = process.argv[2] ?? ''
const wanted = mutations.filter(({ name, detectedBy }) => `${name} ${detectedBy}`.includes(pattern))
await using terraform = await openTerraform()
await terraform.runOrThrow(['init', '-backend=false', '-input=false'])
let missed = 0
for (const mutation of wanted) {
  const noticed = await detectMutation(terraform, mutation)
  if (!noticed) missed++
  console.log(`${noticed ? 'noticed' : 'MISSED '} ${mutation.name} (${mutation.detectedBy})`)
}
console.log(`${wanted.length - missed} of ${wanted.length} mutations noticed`)
process.exitCode = missed === 0 && wanted.length > 0 ? 0 : 1
