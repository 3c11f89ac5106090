/**
 * Removes secrets from collected texts: the known passwords, their hashes, and every value of a setting that holds a
 * secret, even if the value is not known. Pure, except for the hashes.
 */
import { sha256Hex } from '../../../config/digest.ts';

const REDACTED = '[redacted]';

/** Redis and Sentinel settings whose last word is a secret. */
const SECRET_SETTINGS =
  /^(masterauth|requirepass|primaryauth|tls-(?:client-)?key-file-pass|auth-pass|sentinel-pass)$/i;
/**
 * Matches settings that contain a secret: in redis.conf, sentinel.conf and logs, and as adjacent elements of a JSON
 * list, which is how SLOWLOG reports arguments.
 */
const SECRET_LINES =
  /\b(masterauth|requirepass|primaryauth|tls-(?:client-)?key-file-pass|auth-pass(?:\s+\S+)?|sentinel-pass)((?:"?,)?\s+"?)(?:\\.|[^\s"\\])+/gi;
const ACL_SECRETS = /(^|[\s"])([#>])[^\s"]{8,}/g;

export type Redact = (text: string) => string;

/**
 * Returns a function that redacts texts.
 *
 * @param passwords environment passwords; passwords shorter than 4 characters are not searched for
 */
export function redactor(passwords: readonly string[]): Redact {
  const secrets = passwords
    .filter((password) => password.length >= 4)
    .flatMap((password) => [
      password,
      // Passwords may also occur in JSON text and in URLs.
      JSON.stringify(password).slice(1, -1),
      encodeURIComponent(password),
      sha256Hex(password),
    ]);
  return (text) => {
    const lines = text.replace(SECRET_LINES, `$1$2${REDACTED}`).replace(ACL_SECRETS, `$1$2${REDACTED}`);
    return secrets.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), lines);
  };
}

/**
 * Returns the settings that CONFIG GET reports, without secrets. An empty secret stays empty, which shows that it is
 * not set.
 */
export function redactSettings(settings: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const entries = [...settings].map(([name, value]) => [
    name,
    SECRET_SETTINGS.test(name) && value !== '' ? REDACTED : value,
  ]);
  return Object.fromEntries(entries.sort());
}
