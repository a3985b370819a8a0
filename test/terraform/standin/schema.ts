import { readFileSync } from 'node:fs'

/** A block in the format of `terraform providers schema -json`. */
export type Block = {
  readonly attributes?: Record<string, Attribute>
  readonly block_types?: Record<string, NestedBlock>
}
export type Attribute = { readonly type: unknown; required?: boolean; optional?: boolean; computed?: boolean }
export type NestedBlock = {
  readonly nesting_mode: 'single' | 'list' | 'set'
  readonly block: Block
  min_items?: number
  max_items?: number
}
export type Schema = { readonly version: number; readonly block: Block }
export type Schemas = Readonly<Record<'resource_schemas' | 'data_source_schemas', Readonly<Record<string, Schema>>>>

export const schemas = JSON.parse(readFileSync(new URL('schema.json', import.meta.url), 'utf8')) as Schemas

/** The provider configuration that the examples use. */
const provider: Schema = { version: 0, block: { attributes: { region: { type: 'string', optional: true } } } }

/** Numbers of the nesting modes in the protocol. */
const nestings = { single: 1, list: 2, set: 3 }

/** Returns the response to GetSchema. */
export function toSchemaResponse(): object {
  return {
    provider: toMessage(provider),
    resource_schemas: mapValues(schemas.resource_schemas, toMessage),
    data_source_schemas: mapValues(schemas.data_source_schemas, toMessage),
  }
}

function toMessage({ version, block }: Schema): object {
  return { version, block: toBlock(block) }
}

function toBlock({ attributes = {}, block_types = {} }: Block): object {
  return {
    attributes: Object.entries(attributes).map(toAttribute),
    block_types: Object.entries(block_types).map(toNestedBlock),
  }
}

function toAttribute([name, { type, ...flags }]: [string, Attribute]): object {
  return { name, type: Buffer.from(JSON.stringify(type)), ...flags }
}

function toNestedBlock([type_name, { block, nesting_mode, ...limits }]: [string, NestedBlock]): object {
  return { type_name, block: toBlock(block), nesting: nestings[nesting_mode], ...limits }
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]))
}
