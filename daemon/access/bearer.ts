import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { MediadError } from '../vocabulary/errors.ts'
import { explainId, type Authorize } from '../vocabulary/identity.ts'
import { describeMissing } from '../vocabulary/validation/missing.ts'
import { cookieName, parseOptions, readToken, respondUnauthorized, toCredentials } from './credentials.ts'

/** Options of `bearer()`. */
export type BearerOptions = {
  /**
   * Tokens of the clients with the ids of their identities: `{ [token]: id }`, or a list, in which several tokens can have one
   * id. A token has 32 to 512 characters.
   */
  tokens: Readonly<Record<string, string>> | readonly { readonly token: string; readonly id: string }[]
  /** Name of a cookie that can have the token, for browsers. The header takes precedence. Default: none. */
  cookie?: string | undefined
}

const MIN_CHARACTERS = 32
const MAX_CHARACTERS = 512
/** Every request is compared with every token. */
const MAX_TOKENS = 1000

const token = z
  .string({ error: ({ input }) => describeMissing(input) ?? 'must be text' })
  .superRefine((value, context) => {
    if (value.length < MIN_CHARACTERS || value.length > MAX_CHARACTERS) {
      const advice = 'create one with: openssl rand -hex 32'
      const message = `must have ${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters, not ${value.length}; ${advice}`
      context.addIssue({ code: 'custom', message })
    } else if (!/^[\w.~+/-]+=*$/.test(value)) {
      context.addIssue({ code: 'custom', message: 'must have letters, digits and - . _ ~ + / only, and = at its end' })
    }
  })

const id = z
  .string({ error: ({ input }) => describeMissing(input) ?? 'must be text' })
  .superRefine((value, context) => {
    const message = explainId(value)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })

const TOKENS = 'must be an object { [token]: id } or a list [{ token, id }]'

/** Other values, and keys other than these, can be tokens: no message has them. */
const entry = z
  .custom(isEntry, { error: ({ input }) => describeMissing(input) ?? 'must be an object { token, id }' })
  .pipe(z.strictObject({ token, id }))

function isEntry(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && Object.keys(value).every((key) => key === 'token' || key === 'id')
  )
}

const schema = z.strictObject({
  tokens: z
    .array(entry, { error: ({ input }) => describeMissing(input) ?? TOKENS })
    .min(1, 'must have at least one token')
    .max(MAX_TOKENS, `must have at most ${MAX_TOKENS} tokens; use jwt() for more clients`)
    .refine((list) => new Set(list.map((entry) => entry.token)).size === list.length, 'has a token twice'),
  cookie: cookieName().optional(),
})

/**
 * Creates a function for `http.authorize` that knows its clients by tokens: `authorization: Bearer <token>`. Other
 * requests get a 401. The time of a comparison does not depend on how much of a token is right.
 *
 * @throws MediadError `config.invalid` for options that are not valid, such as a token that is too short; without the token
 */
export function bearer(options: BearerOptions): Authorize {
  // without the option, the keys of the object can be tokens
  if (!Object.hasOwn(Object(options), 'tokens'))
    throw new MediadError('config.invalid', `bearer: tokens: is missing; ${TOKENS}`)
  const { tokens, cookie } = parseOptions('bearer', schema, { ...options, tokens: toList(options.tokens) })
  const key = randomBytes(32)
  const toDigest = (text: string) => createHmac('sha256', key).update(text).digest()
  const known = tokens.map((entry) => ({ digest: toDigest(entry.token), id: entry.id }))
  return Object.assign(
    function bearer(request: Request) {
      const given = readToken(request, cookie)
      if (given === null) return respondUnauthorized()
      const digest = toDigest(given)
      // every token is compared, so that the time does not tell which one it was
      let found: string | undefined
      for (const { digest: other, id } of known) if (timingSafeEqual(other, digest)) found = id
      return found === undefined ? respondUnauthorized('The token is not valid.') : { id: found }
    },
    { credentials: toCredentials(cookie) },
  )
}

/** The list is validated instead of the object, whose keys are secrets and would be in the paths of problems. */
function toList(tokens: unknown): unknown {
  if (typeof tokens !== 'object' || tokens === null || Array.isArray(tokens)) return tokens
  return Object.entries(tokens).map(([token, id]) => ({ token, id }))
}
