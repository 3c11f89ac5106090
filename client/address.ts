import type { Address } from './types.ts';

/** `host:port`: how addresses are compared and printed. */
export function addressKey(address: Address): string {
  return `${address.host}:${address.port}`;
}

/** An announced address as this client reaches it. */
export function translate(announced: Address, natMap: Readonly<Record<string, Address>>): Address {
  return natMap[addressKey(announced)] ?? announced;
}
