import type { UserConfig } from './config.ts'

export { env } from './env.ts'

/**
 * Returns the config unchanged, and gives `media.config.ts` its types. Loading the config sets the defaults of options
 * that are left out, and reports all problems at once.
 */
export function defineConfig(config: UserConfig): UserConfig {
  return config
}
