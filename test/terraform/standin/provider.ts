/**
 * A stand-in for hashicorp/aws that knows its schema and nothing else, so that `terraform validate` and `terraform test` with
 * mocked providers need no registry. Terraform starts it, with `TF_DISABLE_PLUGIN_TLS=1` in its environment, and ends it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadPackageDefinition, Server, ServerCredentials, type GrpcObject, type handleUnaryCall } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { schemas, toAnswer, type Schema } from './schema.ts'
import { validate, type Complaint } from './validate.ts'

type Validated = { type_name: string; config: { msgpack: Uint8Array } }
const ERROR = 1

const folder = mkdtempSync(join(tmpdir(), 'standin-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGTERM', () => process.exit(0))
process.on('SIGINT', () => {}) // of a terminal: Terraform passes on what it means

const server = new Server({ 'grpc.max_send_message_length': -1 })
server.addService(toService('tfplugin5.proto', 'tfplugin5', 'Provider'), {
  GetSchema: answer(toAnswer),
  PrepareProviderConfig: answer(({ config }: { config: object }) => ({ prepared_config: config })),
  ValidateResourceTypeConfig: answer((request: Validated) => check(schemas.resource_schemas, request)),
  ValidateDataSourceConfig: answer((request: Validated) => check(schemas.data_source_schemas, request)),
  Configure: answer(() =>
    toDiagnostics([
      { summary: 'This is no AWS provider', detail: 'It knows a schema: nothing can be planned or applied with it.' },
    ]),
  ),
  Stop: answer(() => ({})),
})
server.addService(toService('plugin.proto', 'plugin', 'GRPCController'), {
  Shutdown: answer(() => {
    setImmediate(() => process.exit(0))
    return {}
  }),
})
const socket = join(folder, 's')
server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
  process.stdout.write(`1|5|unix|${socket}|grpc|\n`) // go-plugin's handshake
})

function toService(file: string, scope: string, name: string) {
  const definition = loadSync(join(import.meta.dirname, file), { keepCase: true, longs: Number })
  const service = (loadPackageDefinition(definition)[scope] as GrpcObject)[name]
  return (service as { service: Parameters<Server['addService']>[0] }).service
}

function answer<Request>(make: (request: Request) => object): handleUnaryCall<Request, object> {
  return ({ request }, reply) => {
    try {
      reply(null, make(request))
    } catch (error) {
      reply(error as Error)
    }
  }
}

function check(known: Readonly<Record<string, Schema>>, { type_name, config }: Validated): object {
  const schema = known[type_name]
  return toDiagnostics(schema ? validate(type_name, schema, config.msgpack) : [])
}

function toDiagnostics(complaints: readonly Complaint[]): object {
  return { diagnostics: complaints.map((complaint) => ({ severity: ERROR, ...complaint })) }
}
