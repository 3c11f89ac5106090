/**
 * Groups sampled keys by namespace and domain, and estimates the number of keys in each group and their memory.
 *
 *   prices:v1:quote:3f…  ─▶ namespace `prices`, domain `quote`
 *   prices:~tag:9a…      ─▶ namespace `prices`, domain `~tag` (internal client keys)
 */
import { isUtf8 } from 'node:buffer';
import { domainOf } from '../../client/extras/analytics/index.ts';
import { askEach, type KeySample, type SampledKey } from './key-sample.ts';

export interface DomainFigures {
  readonly domain: string;
  /** Number of keys in the group; an estimate if the sample is not complete. */
  readonly keys: number;
  /**
   * Memory used by the group, in bytes: the mean of MEMORY USAGE times the number of keys. Null if the server denies
   * the command.
   */
  readonly bytes: number | null;
}

export interface NamespaceFigures {
  readonly namespace: string;
  readonly keys: number;
  readonly bytes: number | null;
  /** Groups, largest first. Groups beyond `DOMAINS_MAX` are combined as `(other)`. */
  readonly domains: readonly DomainFigures[];
}

const DOMAINS_MAX = 20;
/** Maximum number of keys per group whose memory is measured. */
const MEASURED_PER_GROUP = 50;

/** Returns the namespace and domain of a physical key. */
export function placeOf(key: Buffer): { readonly namespace: string; readonly domain: string } {
  if (!isUtf8(key)) return { namespace: '(binary)', domain: '(binary)' };
  const text = key.toString();
  const colon = text.indexOf(':');
  if (colon < 0) return { namespace: '(none)', domain: '(none)' };
  return { namespace: text.slice(0, colon), domain: domainOf(text.slice(colon + 1)) };
}

const INTERNAL = /^(.+?):(~(?:tag|lease|stats|canary)):/s;

/**
 * Returns the namespace and domain of an internal client key, such as the version of a tag; undefined for any
 * other key. The namespace may contain colons.
 */
export function internalPlaceOf(key: Buffer): ReturnType<typeof placeOf> | undefined {
  if (!isUtf8(key)) return undefined;
  const [, namespace, domain] = INTERNAL.exec(key.toString()) ?? [];
  return namespace === undefined || domain === undefined ? undefined : { namespace, domain };
}

export async function groupKeys(
  { keys }: KeySample,
  signal?: AbortSignal,
): Promise<readonly NamespaceFigures[]> {
  const namespaces = Map.groupBy(keys, ({ key }) => placeOf(key).namespace);
  const figures: NamespaceFigures[] = [];
  for (const [namespace, own] of namespaces) {
    const domains = await measureDomains(own, signal);
    figures.push({ namespace, ...sumOf(domains), domains });
  }
  return figures.sort(byKeys);
}

async function measureDomains(
  keys: readonly SampledKey[],
  signal: AbortSignal | undefined,
): Promise<readonly DomainFigures[]> {
  const named = [...Map.groupBy(keys, ({ key }) => placeOf(key).domain)].sort(
    ([, a], [, b]) => b.length - a.length,
  );
  const rest = named.slice(DOMAINS_MAX).flatMap(([, own]) => own);
  const groups = [...named.slice(0, DOMAINS_MAX), ...(rest.length > 0 ? [['(other)', rest] as const] : [])];
  const figures: DomainFigures[] = [];
  for (const [domain, own] of groups) {
    const count = own.reduce((sum, { weight }) => sum + weight, 0);
    const mean = await meanBytes(own, signal);
    figures.push({ domain, keys: Math.round(count), bytes: mean === null ? null : Math.round(mean * count) });
  }
  return figures.sort(byKeys);
}

/**
 * Returns the mean of MEMORY USAGE; null if the server denies the command. Keys that have expired since they were
 * sampled are left out. The server samples five elements of a collection, because counting all elements of a large one
 * would block the server.
 */
export async function meanBytes(
  keys: readonly SampledKey[],
  signal: AbortSignal | undefined,
  most = MEASURED_PER_GROUP,
): Promise<number | null> {
  const step = Math.max(1, Math.floor(keys.length / most));
  const measured = keys.filter((_, i) => i % step === 0).slice(0, most);
  const sizes = (await askEach(measured, (key) => ['MEMORY', 'USAGE', key], signal)).filter(
    (size) => typeof size === 'number',
  );
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}

function sumOf(domains: readonly DomainFigures[]): Pick<NamespaceFigures, 'keys' | 'bytes'> {
  const keys = domains.reduce((sum, domain) => sum + domain.keys, 0);
  const bytes = domains.reduce<number | null>(
    (sum, domain) => (sum === null || domain.bytes === null ? null : sum + domain.bytes),
    0,
  );
  return { keys, bytes };
}

const byKeys = (a: { readonly keys: number }, b: { readonly keys: number }): number => b.keys - a.keys;
