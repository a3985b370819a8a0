import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Terraform } from '../helpers/terraform.ts'

/** Attributes of a resource, as Terraform resolved them. */
export type Attributes = Readonly<Record<string, unknown>>

/** A module as Terraform resolves it, with the values that an apply would send to AWS. */
export type Topology = {
  output(name: string): unknown
  /** Returns a resource by address, such as `aws_sqs_queue.work`. Throws when there is none. */
  resource(address: string): Attributes
  /** Addresses of all resources. */
  readonly addresses: readonly string[]
}

export type ResolveOptions = {
  /** Default: the root module. */
  module?: string
  variables: Readonly<Record<string, unknown>>
  /** Attributes that AWS computes, by address of the resource. */
  computed?: Readonly<Record<string, Readonly<Record<string, string>>>>
  account?: string
  region?: string
}

/** Lets Terraform apply a module to mocked resources, and returns the resulting state. */
export async function resolveTopology(terraform: Terraform, options: ResolveOptions): Promise<Topology> {
  const { module, variables, computed = {}, account = '123456789012', region = 'eu-central-1' } = options
  const data = {
    aws_caller_identity: { account_id: account },
    aws_region: { region },
    aws_partition: { partition: 'aws', dns_suffix: 'amazonaws.com' },
  }
  await writeFile(
    join(terraform.folder, 'tests/resolved.tftest.json'),
    JSON.stringify({
      mock_provider: {
        aws: {
          source: './tests/mocks', // for attributes that are not set here
          mock_data: Object.fromEntries(Object.entries(data).map(([type, defaults]) => [type, { defaults }])),
          override_resource: Object.entries(computed).map(([target, values]) => ({ target, values })),
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
  if (state === undefined) throw new Error(`terraform printed no state: ${lines.join('\n').slice(0, 2000)}`)
  const resources = new Map(state.root_module.resources.map(({ address, values }) => [address, values]))
  return {
    output: (name) => state.outputs[name]?.value,
    resource(address) {
      const found = resources.get(address)
      if (found === undefined) throw new Error(`no resource ${address}; there are ${[...resources.keys()].join(', ')}`)
      return found
    },
    addresses: [...resources.keys()],
  }
}

type State = {
  outputs: Record<string, { value: unknown }>
  root_module: { resources: { address: string; values: Attributes }[] }
}
