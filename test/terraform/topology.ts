import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Terraform } from '../helpers/terraform.ts'

/** A resource's attributes, as Terraform resolved them. */
export type Attributes = Readonly<Record<string, unknown>>

/** A module, resolved by Terraform itself: what an apply would ask AWS for. */
export type Topology = {
  output(name: string): unknown
  /** By address: `aws_sqs_queue.work`. Throws for what is not there. */
  resource(address: string): Attributes
  /** All addresses. */
  readonly addresses: readonly string[]
}

export type Given = {
  /** Default: the root module. */
  module?: string
  variables: Readonly<Record<string, unknown>>
  /** What AWS would decide: attributes of resources, by address. */
  decided?: Readonly<Record<string, Readonly<Record<string, string>>>>
  account?: string
  region?: string
}

/** Has Terraform apply a module to mocked resources, and tell what came out. */
export async function resolveTopology(terraform: Terraform, given: Given): Promise<Topology> {
  const { module, variables, decided = {}, account = '123456789012', region = 'eu-central-1' } = given
  const data = {
    aws_caller_identity: { account_id: account },
    aws_region: { region },
    aws_partition: { partition: 'aws' },
  }
  await writeFile(
    join(terraform.folder, 'tests/resolved.tftest.json'),
    JSON.stringify({
      mock_provider: {
        aws: {
          source: './tests/mocks', // for whatever is not decided here
          mock_data: Object.fromEntries(Object.entries(data).map(([type, defaults]) => [type, { defaults }])),
          override_resource: Object.entries(decided).map(([target, values]) => ({ target, values })),
        },
      },
      variables,
      run: { resolve: module === undefined ? {} : { module: { source: module } } },
    }),
  )
  await terraform.runOrThrow(['init', '-backend=false', '-input=false'])
  const lines = (await terraform.runOrThrow(['test', '-json', '-verbose', '-filter=tests/resolved.tftest.json'])).split(
    '\n',
  )
  const text = lines.find((line) => line.includes('"type":"test_state"')) ?? '{}'
  const { test_state: state } = JSON.parse(text) as { test_state?: State }
  if (state === undefined) throw new Error(`terraform told no state: ${lines.join('\n').slice(0, 2000)}`)
  const resources = new Map(state.root_module.resources.map(({ address, values }) => [address, values]))
  return {
    output: (name) => state.outputs[name]?.value,
    resource(address) {
      const found = resources.get(address)
      if (found === undefined) throw new Error(`there is no ${address}, but ${[...resources.keys()].join(', ')}`)
      return found
    },
    addresses: [...resources.keys()],
  }
}

type State = {
  outputs: Record<string, { value: unknown }>
  root_module: { resources: { address: string; values: Attributes }[] }
}
