/**
 * Normalises directives, so that the value in a file and the value that CONFIG GET reports can be compared. Pure.
 *
 *   `maxmemory 2gb`              → `2147483648`
 *   `tls-protocols "TLSv1.3 TLSv1.2"` → `tlsv1.2 tlsv1.3`
 *   `slave-priority 0`           → `replica-priority`, `0`
 *
 * Left out: whether a value is allowed (see the lint).
 */
import { parseBytes } from '../../../config/units.ts';
import type { ServerFamily } from '../server-version.ts';
import { DIRECTIVE_DEFAULTS } from './directive-defaults.ts';
import { entriesNamed, isRepeatable, canonicalName as nameInGrammar } from './grammar/index.ts';
import { asciiLowerCase, parseConf } from './text.ts';

/** Directives whose value is part of the state of the running system, not of its configuration. */
export const STATE_DIRECTIVES: ReadonlySet<string> = new Set(['replicaof']);

/** Directives of redis.conf and sentinel.conf whose last argument is a password. */
export const SECRET_DIRECTIVES: ReadonlySet<string> = new Set([
  'masterauth',
  'requirepass',
  'tls-key-file-pass',
  'tls-client-key-file-pass',
  'sentinel auth-pass',
  'sentinel sentinel-pass',
]);

/** Returns the canonical name of a directive. */
export function canonicalName(name: string): string {
  return nameInGrammar(asciiLowerCase(name));
}

/**
 * Normalises a value: sizes in bytes, switches and choices in lower case, lists in sorted order.
 *
 * @param name canonical name
 */
export function canonicalValue(name: string, value: string): string {
  const words = value
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '""');
  if (name === 'client-output-buffer-limit') return outputBufferLimits(words);
  if (name === 'notify-keyspace-events') return [...value.replace('A', 'g$lshzxetd')].sort().join('');
  if (SORTED.has(name))
    return words
      .map((word) => word.toLowerCase())
      .sort()
      .join(' ');
  const isPath = ['text', 'list'].includes(entriesNamed(name)[0]?.directive.value.kind ?? '');
  return words.map((word) => inBytes(word) ?? (isPath ? word : word.toLowerCase())).join(' ');
}

/** Lists whose order is not significant. */
const SORTED: ReadonlySet<string> = new Set(['tls-protocols', 'bind']);

/** Converts a word with a unit to bytes; returns undefined for a word without a unit. */
function inBytes(word: string): string | undefined {
  if (!/^\d+[a-z]+$/i.test(word)) return undefined;
  const size = parseBytes(word);
  return size === undefined ? undefined : String(size);
}

/** Normalises groups of class, hard limit, soft limit and seconds. A class that is not listed keeps its default. */
function outputBufferLimits(words: readonly string[]): string {
  const limits = new Map<string, string>();
  const byDefault = DIRECTIVE_DEFAULTS.redis.get('client-output-buffer-limit')?.split(' ') ?? [];
  for (const all of [byDefault, words]) {
    for (let i = 0; i + 3 < all.length; i += 4) {
      const [kind = '', ...numbers] = all.slice(i, i + 4);
      const canonical = kind.toLowerCase() === 'slave' ? 'replica' : kind.toLowerCase();
      limits.set(canonical, numbers.map((word) => inBytes(word) ?? word).join(' '));
    }
  }
  return [...limits]
    .map(([kind, numbers]) => `${kind} ${numbers}`)
    .sort()
    .join(' ');
}

/**
 * Returns the default value of a directive that is not in the file; undefined if the table does not contain it.
 *
 * @param name canonical name
 */
export function defaultValue(name: string, family: ServerFamily): string | undefined {
  const value = DIRECTIVE_DEFAULTS[family].get(name);
  return value === undefined ? undefined : canonicalValue(name, value);
}

/**
 * Returns the directives of a file by canonical name, each with its arguments as one string. Repeated lines of a list
 * directive are combined.
 */
export function directivesOf(conf: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name, args } of parseConf(conf)) {
    if (name === undefined) continue;
    const canonical = canonicalName(name);
    const value = args.join(' ');
    const before = isRepeatable(canonical) ? found.get(canonical) : undefined;
    found.set(canonical, before === undefined || value === '' ? value : `${before} ${value}`.trim());
  }
  return found;
}

/** Returns the reply to CONFIG GET by canonical name. All names of a directive have the same value. */
export function reportedDirectives(
  reported: Iterable<readonly [string, string]>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of reported) {
    const canonical = canonicalName(name);
    found.set(canonical, canonicalValue(canonical, value));
  }
  return found;
}
