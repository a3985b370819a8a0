import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

type TokenFormProps = { isRefused: boolean; onToken: (token: string) => void }

/** Asks for a token, when the endpoint requires one. */
export function TokenForm({ isRefused, onToken }: TokenFormProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  return (
    <form
      class="token"
      aria-labelledby="token-title"
      onSubmit={(event) => {
        event.preventDefault()
        const token = input.current?.value.trim()
        if (token) onToken(token)
      }}
    >
      <h2 id="token-title">Access required</h2>
      <p class="hint">
        This server requires an access token. It is kept in this tab only. If you sign in on another page, do so, and
        load this page again.
      </p>
      <label for="token">Access token</label>
      <div class="token-row">
        <input
          ref={input}
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-invalid={isRefused}
          aria-describedby={isRefused ? 'token-problem' : undefined}
        />
        <button type="submit" class="button primary">
          Continue
        </button>
      </div>
      {isRefused && (
        <p id="token-problem" class="note bad" role="alert">
          The server does not accept this token.
        </p>
      )}
    </form>
  )
}
