/**
 * Renews schema.json from the real provider. Where the registry can be reached, in a folder whose `terraform init` has installed
 * hashicorp/aws: `terraform providers schema -json | node test/terraform/standin/renew.ts`. Keeps the types there are.
 */
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { schemas, type Attribute, type Block, type NestedBlock, type Schema, type Schemas } from './schema.ts'

type Told = { provider_schemas: Record<string, Schemas | undefined> }

/** Of what `terraform providers schema -json` told, the types of `wanted`, without descriptions. */
export function renew(told: string, wanted: Schemas): Schemas {
  const found = (JSON.parse(told) as Told).provider_schemas['registry.terraform.io/hashicorp/aws']
  if (found === undefined) throw new Error('there is no hashicorp/aws in what was told')
  const pick = (kind: keyof Schemas) =>
    Object.fromEntries(
      Object.keys(wanted[kind]).map((type): [string, Schema] => {
        const schema = found[kind][type]
        if (schema === undefined) throw new Error(`hashicorp/aws has no ${type} any more`)
        return [type, { version: schema.version, block: toBlock(schema.block) }]
      }),
    )
  return { resource_schemas: pick('resource_schemas'), data_source_schemas: pick('data_source_schemas') }
}

function toBlock({ attributes = {}, block_types = {} }: Block): Block {
  return {
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, one]) => [name, toAttribute(one)])),
    block_types: Object.fromEntries(Object.entries(block_types).map(([name, one]) => [name, toNested(one)])),
  }
}

function toAttribute({ type, required, optional, computed }: Attribute): Attribute {
  return { type, ...(computed && { computed }), ...(optional && { optional }), ...(required && { required }) }
}

function toNested({ nesting_mode, block, min_items, max_items }: NestedBlock): NestedBlock {
  const limits = { ...(min_items && { min_items }), ...(max_items && { max_items }) }
  return { nesting_mode, block: toBlock(block), ...limits }
}

if (import.meta.main)
  writeFileSync(new URL('schema.json', import.meta.url), JSON.stringify(renew(await text(process.stdin), schemas)))
