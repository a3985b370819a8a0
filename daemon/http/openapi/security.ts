import type { ZodOpenApiResponseObject, ZodOpenApiSecuritySchemeObject } from 'zod-openapi'
import type { Config } from '../../config/config.ts'
import type { Credential } from '../../vocabulary/identity.ts'

/** `http.authorize` of the config. */
export type Authorization = Config['http']['authorize']

/** Returns the security schemes of a config that authorizes requests, by name. A function of the user's own has none. */
export function toSecuritySchemes(authorize: Authorization): Record<string, ZodOpenApiSecuritySchemeObject> {
  if (typeof authorize !== 'function') return {}
  return Object.fromEntries((authorize.credentials ?? []).map((one) => [one.type, toScheme(one)]))
}

function toScheme(credential: Credential): ZodOpenApiSecuritySchemeObject {
  if (credential.type === 'bearer') return { type: 'http', scheme: 'bearer' }
  return { type: 'apiKey', in: 'cookie', name: credential.name }
}

/** The response to a request that a function of the user's own does not authorize. */
export const ownRefusal: Record<string, ZodOpenApiResponseObject> = {
  401: {
    description: 'The request is not authorized. Status and content are those that `http.authorize` responds with.',
  },
}
