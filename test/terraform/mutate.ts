/**
 * `npm run mutate:terraform [-- PATTERN]`: breaks the modules in many ways, one at a time, and shows that the tests notice each.
 * Exits 1 when one is not noticed by whom it should be.
 */
import { noticeMutation } from './notice.ts'
import { mutations } from './mutations.ts'
import { openTerraform, whyNoTerraform } from '../helpers/terraform.ts'

const why = whyNoTerraform()
if (why !== null) throw new Error(why)
const pattern = process.argv[2] ?? ''
const wanted = mutations.filter(({ name, noticedBy }) => `${name} ${noticedBy}`.includes(pattern))
await using terraform = await openTerraform()
await terraform.must(['init', '-backend=false', '-input=false'])
let missed = 0
for (const mutation of wanted) {
  const noticed = await noticeMutation(terraform, mutation)
  if (!noticed) missed++
  console.log(`${noticed ? 'noticed' : 'MISSED '} ${mutation.name} (${mutation.noticedBy})`)
}
console.log(`${wanted.length - missed} of ${wanted.length} mutations noticed`)
process.exitCode = missed === 0 && wanted.length > 0 ? 0 : 1
