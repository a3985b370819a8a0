/** Reads the description of the API, and validates responses against it. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ApiDocument } from '../../daemon/http/openapi/document.ts'

type Response = { readonly content?: Readonly<Record<string, unknown>>; readonly $ref?: string }

/** An operation of the description. */
export type ApiOperation = {
  readonly id: string
  readonly method: string
  /** With `{name}` for a parameter. */
  readonly path: string
  readonly isPublic: boolean
  /** Codes of problems by status. */
  readonly responses: Readonly<Record<string, Response>>
}

export type Received = { readonly status: number; readonly headers: Headers; readonly text: string }

export type Api = {
  readonly operations: readonly ApiOperation[]
  /** Explains why a response is not one of the operation; null if it is one. */
  explain(operation: ApiOperation, received: Received): string | null
  /** Explains why a text is not a problem; null if it is one. */
  explainProblem(text: string): string | null
  /** Returns the codes of the problems that an operation can respond with. */
  toCodes(operation: ApiOperation): string[]
}

export function openApi(document: ApiDocument): Api {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ ...document, $id: 'api' } as object)
  const find = (pointer: string): unknown =>
    pointer
      .split('/')
      .slice(1)
      .reduce<unknown>((value, name) => (value as Record<string, unknown>)[decode(name)], document)
  const toResponse = (operation: ApiOperation, status: string) => {
    const response = operation.responses[status]
    const own = `#/paths/${encode(operation.path)}/${operation.method}/responses/${status}`
    const pointer = response?.$ref ?? own
    return response && { pointer, ...(find(pointer) as Response) }
  }
  return {
    operations: toOperations(document),
    explain(operation, { status, headers, text }) {
      const response = toResponse(operation, String(status))
      if (response === undefined) return `status ${status} is not described`
      const [type = ''] = (headers.get('content-type') ?? '').split(';')
      if (response.content === undefined) return text === '' ? null : `the content of ${status} is not described`
      if (!Object.hasOwn(response.content, type)) return `content type "${type}" of ${status} is not described`
      if (!type.endsWith('json')) return null
      const validate = ajv.getSchema(`api${response.pointer}/content/${encode(type)}/schema`)
      if (validate === undefined) return `${status} has no schema`
      return validate(JSON.parse(text))
        ? null
        : `${status}: ${ajv.errorsText(validate.errors)} in ${text.slice(0, 300)}`
    },
    explainProblem(text) {
      const validate = ajv.getSchema('api#/components/schemas/Problem')
      return validate?.(JSON.parse(text)) ? null : ajv.errorsText(validate?.errors)
    },
    toCodes: (operation) =>
      Object.keys(operation.responses).flatMap((status) => {
        const schema = JSON.stringify(toResponse(operation, status)?.content?.['application/problem+json'] ?? {})
        return (
          /"code":\{[^}]*?"(?:enum|const)":(?:\[([^\]]*)\]|("[^"]*"))/
            .exec(schema)
            ?.slice(1)
            .join('')
            .match(/[\w.]+/g) ?? []
        )
      }),
  }
}

function toOperations({ paths = {} }: ApiDocument): ApiOperation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(
      item as Record<string, { operationId: string; security?: []; responses: ApiOperation['responses'] }>,
    ).map(([method, { operationId, security, responses }]) => ({
      id: operationId,
      method,
      path,
      isPublic: security?.length === 0,
      responses,
    })),
  )
}

const encode = (name: string) =>
  name.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')
const decode = (name: string) => decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')
