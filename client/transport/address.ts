import type { Address } from '../api/types.ts';

/** `host:port`: how addresses are compared and printed. */
export function addressKey(address: Address): string {
  return `${address.host}:${address.port}`;
}

/** An announced address as this client reaches it. */
export function translate(announced: Address, natMap: Readonly<Record<string, Address>>): Address {
  return natMap[addressKey(announced)] ?? announced;
}

/** The address that `addressKey` printed. */
export function parseKey(key: string): Address {
  const colon = key.lastIndexOf(':');
  return { host: key.slice(0, colon), port: Number(key.slice(colon + 1)) };
}
