import { createMissing } from '../vocabulary/missing.ts'

/**
 * Reads an environment variable while the config file is evaluated. An empty variable counts as missing.
 *
 * If it is missing and there is no `fallback`, the result is a placeholder. The config check reports it at its path
 * (`queues.work.url: the environment variable … is not set`), together with every other mistake; an override
 * (`mediad start --local`) can still replace it.
 *
 * @throws MediadError `config.invalid` when the config file calculates with a placeholder (`Number(env('PORT'))`)
 */
export function env(name: string, fallback?: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  const state = value === '' ? 'empty' : 'not set'
  const problem = `the environment variable ${name} is ${state}; export it, or write it into the file .env beside the config`
  return fallback ?? createMissing(problem)
}
