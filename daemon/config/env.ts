import { createMissing } from '../vocabulary/validation/missing.ts'

/**
 * Returns the value of an environment variable while the config file is evaluated. An empty variable counts as missing.
 *
 * Returns `fallback` when the variable is missing. Without a fallback it returns a placeholder: loading the config
 * reports it at its path (`queues.work.url: the environment variable … is not set`), together with all other problems,
 * unless an override (`mediad start --local`) replaces it.
 *
 * @throws MediadError `config.invalid` when the config file computes with a placeholder, as in `Number(env('PORT'))`
 */
export function env(name: string, fallback?: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  const state = value === '' ? 'empty' : 'not set'
  const problem = `the environment variable ${name} is ${state}; export it, or add it to the file .env beside the config`
  return fallback ?? createMissing(problem)
}
