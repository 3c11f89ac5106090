/**
 * Computes the slot of a key as the cluster specification defines it: CRC-16/XMODEM of the key or of its {hash tag}.
 * Pure.
 *
 * The client deliberately has a separate implementation: the harness judges the client with this one, and a shared
 * mistake would not be detected.
 */
import { CLUSTER_SLOTS } from '../topology.ts';

const POLYNOMIAL = 0x1021;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

/** Returns the slot of a key. @param key text, or the bytes of a key that is not UTF-8 */
export function keySlot(key: string | Buffer): number {
  let crc = 0;
  // In latin1, each character is one byte.
  for (const byte of Buffer.from(hashTagOf(Buffer.from(key as string).toString('latin1')), 'latin1'))
    crc = ((crc << 8) ^ (TABLE[(crc >> 8) ^ byte] ?? 0)) & 0xffff;
  return crc % CLUSTER_SLOTS;
}

/**
 * Returns the hash tag of a key: the text between the first `{` and the next `}`, or the complete key if that text is
 * empty.
 */
function hashTagOf(key: string): string {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}
