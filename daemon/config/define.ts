import type { UserConfig } from './schema.ts'

export { env } from './env.ts'

/**
 * Gives a `media.config.ts` its types and changes nothing. What is left out gets its default when the config is loaded;
 * mistakes are reported then, all at once.
 */
export function defineConfig(config: UserConfig): UserConfig {
  return config
}
