/**
 * Servers that have a directive, a value or a command. A leaf next to `server-version.ts`: data tables define it, the
 * lint queries it.
 */
import { atLeast, SERVER_FAMILIES, type ServerFamily, type ServerVersion } from '../../server-version.ts';

/** A range of versions: from one version up to, but excluding, another. */
export interface Span {
  readonly from: string;
  /** The first version without it. */
  readonly until?: string;
}

/**
 * Ranges per family; an absent family never had it. Several ranges describe a change that came with patch releases: in
 * order, each within one minor version except the last.
 */
export type Availability = Readonly<Partial<Record<ServerFamily, Span | readonly Span[]>>>;

export const EVERYWHERE: Availability = { redis: { from: '0' }, valkey: { from: '0' } };

/**
 * New in a version of Redis. Valkey forked from Redis 7.2.4: every Valkey has everything older. For newer features,
 * `valkey` names the Valkey version that has them too.
 */
export function since(redis: string, valkey?: string): Availability {
  if (valkey !== undefined) return { redis: { from: redis }, valkey: { from: valkey } };
  return atLeast('7.2.4', redis)
    ? { redis: { from: redis }, valkey: { from: '0' } }
    : { redis: { from: redis } };
}

/** In Redis before `version`, but in no Valkey. */
export function redisUntil(version: string): Availability {
  return { redis: { from: '0', until: version } };
}

/** In Redis only, from a version on. */
export function onlyRedis(from: string): Availability {
  return { redis: { from } };
}

/** In Valkey only. */
export function valkeyOnly(from: string, until?: string): Availability {
  return { valkey: until === undefined ? { from } : { from, until } };
}

/** In patch releases of older versions, and in everything from `rest` on: security fixes that bring a setting. */
export function sincePatches(patches: readonly string[], rest: string): readonly Span[] {
  const minor = (patch: string) => patch.split('.').slice(0, 2).map(Number);
  const spans = patches.map((from) => {
    const [major = 0, next = 0] = minor(from);
    return { from, until: `${major}.${next + 1}` };
  });
  return [...spans, { from: rest }];
}

export function isAvailable(availability: Availability, { family, version }: ServerVersion): boolean {
  const found = availability[family];
  const spans: readonly Span[] = found === undefined ? [] : 'from' in found ? [found] : found;
  const exact = latestPatch(version);
  return spans.some(
    ({ from, until }) => atLeast(exact, from) && (until === undefined || !atLeast(exact, until)),
  );
}

/** Replaces a version without a patch number by its last patch. */
function latestPatch(version: string): string {
  return version.split('.').length < 3 ? `${version}.9999` : version;
}

const TITLES: Readonly<Record<ServerFamily, string>> = { redis: 'Redis', valkey: 'Valkey' };

/** `Redis 7.4 and newer, Valkey 8.0 and newer`; `Redis before 7.0`. */
export function describeAvailability(availability: Availability): string {
  return SERVER_FAMILIES.flatMap((family) => {
    const found = availability[family];
    const span = found === undefined || 'from' in found ? found : found.at(-1);
    return span === undefined ? [] : [`${TITLES[family]}${describeSpan(span)}`];
  }).join(', ');
}

function describeSpan({ from, until }: Span): string {
  if (from === '0') return until === undefined ? '' : ` before ${until}`;
  return until === undefined ? ` ${from} and newer` : ` ${from} to before ${until}`;
}
