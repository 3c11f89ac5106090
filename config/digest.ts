import { createHash } from 'node:crypto';

/** Returns the SHA-256 digest as 64 hexadecimal digits; of a password, this is the form that ACL files contain. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
