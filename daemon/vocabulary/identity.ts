/** Who sent a request to the endpoint, as `http.authorize` of the config returns it. */
export type Identity = {
  /** Identifies the client for good, such as the number of an account: 1 to 256 bytes of UTF-8 without control characters. */
  readonly id: string
}
