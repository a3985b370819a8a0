import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { reuseSigner } from '../../daemon/composition/signer.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('signer')

type Request = { headers: Record<string, string> }

/** Creates a client whose credentials expire at once, and the list of those that its requests are signed with. */
function createClient(region: () => Promise<string>) {
  const signedWith: string[] = []
  let issued = 0
  const client = new S3Client({
    region,
    maxAttempts: 1,
    credentials: async () => ({
      accessKeyId: `KEY${++issued}`,
      secretAccessKey: `secret ${issued}`,
      expiration: new Date(),
    }),
    requestHandler: {
      async handle({ headers }: Request) {
        signedWith.push(
          /Credential=(\S+)\/\d{8}\/(\S+?)\//
            .exec(headers.authorization ?? '')
            ?.slice(1)
            .join(' ') ?? '',
        )
        return { response: { statusCode: 200, headers: {} } }
      },
    } as never,
  })
  return { client: reuseSigner(client), signedWith }
}

const head = (client: S3Client) => client.send(new HeadObjectCommand({ Bucket: 'media', Key: 'key' }))

test('a signer is created once, and signs each request with the current credentials', async () => {
  const { client, signedWith } = createClient(async () => 'eu-west-1')
  const [first, second] = [client.config.signer(), client.config.signer()]
  assert.is(await first, await second)
  for (let n = 0; n < 3; n++) await head(client)
  assert.is(new Set(signedWith).size, 3)
  assert.ok(
    signedWith.every((text) => /^KEY\d+ eu-west-1$/.test(text)),
    signedWith.join(),
  )
})

test('a signer that could not be created is tried again', async () => {
  let calls = 0
  const config = {
    async signer() {
      calls++
      if (calls === 1) throw new Error('no region')
      return calls
    },
  }
  const { signer } = reuseSigner({ config }).config
  assert.match(
    await signer().then(
      () => '',
      (error: Error) => error.message,
    ),
    'no region',
  )
  assert.is(await signer(), 2)
  assert.is(await signer(), 2)
})
