import { BlockList, isIP } from 'node:net'

/** A set of addresses. An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) counts as the IPv4 address. */
export type Networks = { has(address: string): boolean }

/** Creates a set of addresses from `10.1.2.3`, `10.0.0.0/16`, `fd00::/8`. Ignores entries for which {@link isNetwork} is false. */
export function createNetworks(entries: readonly string[]): Networks {
  const list = new BlockList()
  for (const entry of entries.filter(isNetwork)) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return {
    has: (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'),
  }
}

/** Returns whether a text is an address, or a network with the length of its prefix. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0) return false
  return bits === undefined || (/^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

const loopback = createNetworks(['127.0.0.0/8', '::1'])

/** Returns whether only programs on this machine can reach a server that listens on `host`, an address or a name. */
export function isLoopback(host: string): boolean {
  return isIP(host) === 0 ? host.toLowerCase() === 'localhost' : loopback.has(host)
}

/**
 * Returns what stands for one client: the address, but of an IPv6 address only the first 64 bits, because a client has all
 * addresses that start with them.
 */
export function toClientNetwork(address: string): string {
  const [plain = ''] = address.split('%')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1]
  if (mapped !== undefined) return mapped
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = new URL(`http://[${plain}]/`).hostname.slice(1, -1).split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) groups.push(...Array.from({ length: 8 }, () => '0'))
  return `${groups.slice(0, 4).join(':')}::/64`
}
