import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadPackageDefinition, Server, ServerCredentials, type GrpcObject, type handleUnaryCall } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { schemas, toAnswer, type Schema } from './schema.ts'
import { validate, type Complaint } from './validate.ts'

type Validated = { type_name: string; config: { msgpack: Uint8Array } }
const ERROR = 1

/** Serves in this process; `environment` makes Terraform use it, without installing or starting anything. */
export type StandIn = { readonly environment: Readonly<Record<string, string>> } & AsyncDisposable

/**
 * A stand-in for hashicorp/aws that knows its schema and nothing else, so that `terraform validate` and `terraform test` with
 * mocked providers need no registry.
 */
export async function startStandIn(): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'standin-'))
  const socket = join(folder, 's')
  const server = new Server({ 'grpc.max_send_message_length': -1 })
  server.addService(toService(), methods)
  await promisify(server.bindAsync.bind(server))(`unix:${socket}`, ServerCredentials.createInsecure())
  // https://developer.hashicorp.com/terraform/plugin/debugging: a provider that runs already
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

const schemaAnswer = toAnswer()

const methods = {
  GetSchema: answer(() => schemaAnswer),
  PrepareProviderConfig: answer(({ config }: { config: object }) => ({ prepared_config: config })),
  ValidateResourceTypeConfig: answer((request: Validated) => check(schemas.resource_schemas, request)),
  ValidateDataSourceConfig: answer((request: Validated) => check(schemas.data_source_schemas, request)),
  Configure: answer(() =>
    toDiagnostics([
      { summary: 'This is no AWS provider', detail: 'It knows a schema: nothing can be planned or applied with it.' },
    ]),
  ),
  Stop: answer(() => ({})),
}

function toService() {
  const definition = loadSync(join(import.meta.dirname, 'tfplugin5.proto'), { keepCase: true, longs: Number })
  const { Provider } = loadPackageDefinition(definition)['tfplugin5'] as GrpcObject
  return (Provider as { service: Parameters<Server['addService']>[0] }).service
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
