import type { Address } from '../api/types.ts';

/** Formats an address as `host:port`, for comparison and output. */
export function addressKey(address: Address): string {
  return `${address.host}:${address.port}`;
}

/** Maps an announced address to a reachable one. */
export function translateAddress(announced: Address, natMap: Readonly<Record<string, Address>>): Address {
  return natMap[addressKey(announced)] ?? announced;
}

/** Parses an address in the format of `addressKey`. */
export function parseKey(key: string): Address {
  const colon = key.lastIndexOf(':');
  return { host: key.slice(0, colon), port: Number(key.slice(colon + 1)) };
}
