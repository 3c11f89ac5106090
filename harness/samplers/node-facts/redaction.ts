/**
 * Replaces passwords and their hashes with digests that show only whether two are equal: HMAC-SHA-256 with a random key
 * per run, which is not stored.
 */
import { createHmac, randomBytes } from 'node:crypto';

/**
 * Length of a digest: with 16 hexadecimal digits, two different passwords have equal digests with a probability of 1 in
 * 2^64.
 */
const DIGEST_CHARACTERS = 16;

export class Redaction {
  readonly #key = randomBytes(32);

  /** Returns a password in its recorded form. An empty password stays empty, because its absence is not a secret. */
  digest(secret: string): string {
    if (secret === '') return '';
    const digest = createHmac('sha256', this.#key).update(secret).digest('hex');
    return `digest:${digest.slice(0, DIGEST_CHARACTERS)}`;
  }

  /** Returns the rules of an ACL user, with digests instead of password hashes (`#…`) and passwords (`>…`). */
  rules(rules: string): string {
    return rules
      .split(' ')
      .map((word) => (/^[#>]./.test(word) ? `#${this.digest(word.slice(1))}` : word))
      .join(' ');
  }
}
