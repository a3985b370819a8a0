import { openTerraform } from '../helpers/terraform.ts'
import { resolveTopology } from './topology.ts'

/** Returns the boot script of the fleet's instances for an `application`. */
export async function renderBootScript(application: Readonly<Record<string, unknown>>): Promise<string> {
  await using terraform = await openTerraform()
  const { output } = await resolveTopology(terraform, {
    module: './modules/fleet',
    variables: {
      env: { MEDIAD_BUCKET: 'videos' },
      queues: { work: { name: 'work' }, in_progress: { name: 'in-progress' } },
      daemon_policy_arn: 'arn:aws:iam::123456789012:policy/daemon',
      application,
      vpc_id: 'vpc-1',
      subnet_ids: ['subnet-1'],
    },
  })
  return String(output('user_data'))
}
