/** Generates option tables from schemas. */
import { z } from 'zod'

/** A schema with the metadata that a row shows. */
type Described = z.core.JSONSchema.JSONSchema & {
  /** Accepted values, if the schema does not show them. */
  values?: string
  /** Unit of the range of a number. */
  unit?: string
  /** Description of a default that depends on something else. */
  defaultText?: string
  /** Explanation of the default, shown in parentheses. */
  note?: string
}

type Option = { readonly path: string; readonly isRequired: boolean; readonly schema: Described }

/**
 * Returns a row for each option below these paths, or for every option: option, default, values, meaning.
 *
 * @throws Error for an option without a description, and for a path that does not exist
 */
export function toOptionRows(schema: z.ZodType, paths: readonly string[] = []): string[][] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const options = toOptions({ path: '', isRequired: true, schema: json })
  const missing = paths.filter((path) => !options.some((option) => isBelow(path, option)))
  if (missing.length > 0) throw new Error(`no such options: ${missing.join(', ')}`)
  return options.filter((option) => paths.length === 0 || paths.some((path) => isBelow(path, option))).map(toRow)
}

const isBelow = (path: string, option: Option) => option.path === path || option.path.startsWith(`${path}.`)

function toOptions(option: Option): Option[] {
  const { path, isRequired, schema } = option
  const branches = (schema.anyOf ?? []) as Described[]
  const inner = branches.filter((branch) => branch.properties !== undefined)
  if (inner.length > 0) return [option, ...inner.flatMap((branch) => toOptions({ ...option, schema: branch }))]
  if (schema.properties === undefined) return [option]
  return Object.entries(schema.properties).flatMap(([name, inner]) =>
    toOptions({
      path: path === '' ? name : `${path}.${name}`,
      isRequired: isRequired && (schema.required ?? []).includes(name),
      schema: inner as Described,
    }),
  )
}

function toRow({ path, isRequired, schema }: Option): string[] {
  if (schema.description === undefined) throw new Error(`the option ${path} has no description`)
  return [`\`${path}\``, toDefault(path, isRequired, schema), toValues(path, schema), schema.description]
}

function toDefault(path: string, isRequired: boolean, { default: value, defaultText, note }: Described): string {
  if (defaultText !== undefined) return defaultText
  if (value === undefined) return isRequired ? 'required' : 'none'
  if (typeof value === 'number') return toNumber(path, value, { note, quote: '`' })
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function toValues(path: string, { values, unit, ...schema }: Described): string {
  if (values !== undefined) return values
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  const { minimum, maximum } = schema
  if (minimum === undefined || maximum === undefined) throw new Error(`the option ${path} has no range`)
  const [least, most] = [minimum, maximum].map((limit) => toNumber(path, limit))
  return `${least} to ${most}${unit === undefined ? '' : ` ${unit}`}`
}

const scales: Readonly<Record<string, readonly (readonly [size: number, unit: string])[]>> = {
  Bytes: [
    [2 ** 50, 'PiB'],
    [2 ** 40, 'TiB'],
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
  ],
  Seconds: [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ],
}

/** Adds the number in the largest unit that divides it, if the name of the option ends in `Bytes` or `Seconds`. */
function toNumber(
  path: string,
  value: number,
  { note, quote = '' }: { note?: string | undefined; quote?: string } = {},
) {
  const scale = scales[/[A-Z][a-z]+$/.exec(path)?.[0] ?? ''] ?? []
  const found = scale.find(([size]) => value >= size && value % size === 0)
  const size = note ?? (found && `${value / found[0]} ${found[1]}`)
  return `${quote}${value}${quote}${size === undefined ? '' : ` (${size})`}`
}
