/**
 * Updates schema.json from the real provider. Needs access to the registry. In a folder where `terraform init` has installed
 * hashicorp/aws, run `terraform providers schema -json | node test/terraform/standin/renew.ts`. Keeps the set of types.
 */
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { schemas, type Attribute, type Block, type NestedBlock, type Schema, type Schemas } from './schema.ts'

type ProviderSchemas = { provider_schemas: Record<string, Schemas | undefined> }

/** Returns the types of `wanted` from the output of `terraform providers schema -json`, without descriptions. */
export function pickSchemas(json: string, wanted: Schemas): Schemas {
  const found = (JSON.parse(json) as ProviderSchemas).provider_schemas['registry.terraform.io/hashicorp/aws']
  if (found === undefined) throw new Error('the input has no provider hashicorp/aws')
  const pick = (kind: keyof Schemas) =>
    Object.fromEntries(
      Object.keys(wanted[kind]).map((type): [string, Schema] => {
        const schema = found[kind][type]
        if (schema === undefined) throw new Error(`hashicorp/aws no longer has ${type}`)
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
  writeFileSync(
    new URL('schema.json', import.meta.url),
    JSON.stringify(pickSchemas(await text(process.stdin), schemas)),
  )
