import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadPackageDefinition, Server, ServerCredentials, type GrpcObject, type handleUnaryCall } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { schemas, toSchemaResponse, type Schema } from './schema.ts'
import { validate, type Diagnostic } from './validate.ts'

type Validated = { type_name: string; config: { msgpack: Uint8Array } }
const ERROR = 1

/** A provider served by this process. With `environment`, Terraform uses it and installs or starts nothing. */
export type StandIn = { readonly environment: Readonly<Record<string, string>> } & AsyncDisposable

/**
 * Starts a stand-in for hashicorp/aws that serves only its schema, so that `terraform validate`, and `terraform test` with mocked
 * providers, need no registry.
 */
export async function startStandIn(): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'standin-'))
  const socket = join(folder, 's')
  const server = new Server({ 'grpc.max_send_message_length': -1 })
  server.addService(toService(), methods)
  await promisify(server.bindAsync.bind(server))(`unix:${socket}`, ServerCredentials.createInsecure())
  // a provider that is already running: https://developer.hashicorp.com/terraform/plugin/debugging
  const provider = {
    Protocol: 'grpc',
    ProtocolVersion: 5,
    Pid: process.pid,
    Test: true,
    Addr: { Network: 'unix', String: socket },
  }
  return {
    environment: { TF_REATTACH_PROVIDERS: JSON.stringify({ 'registry.terraform.io/hashicorp/aws': provider }) },
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const schemaResponse = toSchemaResponse()

const methods = {
  GetSchema: handle(() => schemaResponse),
  PrepareProviderConfig: handle(({ config }: { config: object }) => ({ prepared_config: config })),
  ValidateResourceTypeConfig: handle((request: Validated) => check(schemas.resource_schemas, request)),
  ValidateDataSourceConfig: handle((request: Validated) => check(schemas.data_source_schemas, request)),
  Configure: handle(() =>
    toDiagnostics([
      { summary: 'This is not the AWS provider', detail: 'It has only the schema, and cannot plan or apply.' },
    ]),
  ),
  Stop: handle(() => ({})),
}

function toService() {
  const definition = loadSync(join(import.meta.dirname, 'tfplugin5.proto'), { keepCase: true, longs: Number })
  const { Provider } = loadPackageDefinition(definition)['tfplugin5'] as GrpcObject
  return (Provider as { service: Parameters<Server['addService']>[0] }).service
}

function handle<Request>(toResponse: (request: Request) => object): handleUnaryCall<Request, object> {
  return ({ request }, callback) => {
    try {
      callback(null, toResponse(request))
    } catch (error) {
      callback(error as Error)
    }
  }
}

function check(known: Readonly<Record<string, Schema>>, { type_name, config }: Validated): object {
  const schema = known[type_name]
  return toDiagnostics(schema ? validate(type_name, schema, config.msgpack) : [])
}

function toDiagnostics(diagnostics: readonly Diagnostic[]): object {
  return { diagnostics: diagnostics.map((diagnostic) => ({ severity: ERROR, ...diagnostic })) }
}
