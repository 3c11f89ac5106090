/**
 * Defines which servers have a directive, a value or a command. A leaf module, like `server-version.ts`: the data
 * tables state the availability, and the lint queries it.
 */
import {
  atLeast,
  SERVER_FAMILIES,
  type ServerFamily,
  type ServerVersion,
  VALKEY_FORKED_FROM,
} from '../../server-version.ts';

/** A range of versions: from one version up to, but excluding, another. */
export interface Span {
  readonly from: string;
  /** First version that no longer has the feature. */
  readonly until?: string;
}

/**
 * Version ranges per family; a family that is absent never had the feature. Several ranges, in order, describe a change
 * that was also made in patch releases: each range except the last is within one minor version.
 */
export type Availability = Readonly<Partial<Record<ServerFamily, Span | readonly Span[]>>>;

export const EVERYWHERE: Availability = { redis: { from: '0' }, valkey: { from: '0' } };

/**
 * Available since a Redis version. Valkey forked from Redis 7.2.4, so every Valkey has all older features. For newer
 * features, `valkey` is the first Valkey version that also has the feature.
 */
export function since(redis: string, valkey?: string): Availability {
  if (valkey !== undefined) return { redis: { from: redis }, valkey: { from: valkey } };
  return atLeast(VALKEY_FORKED_FROM, redis)
    ? { redis: { from: redis }, valkey: { from: '0' } }
    : { redis: { from: redis } };
}

/** Available in Redis before `version`, but not in any version of Valkey. */
export function redisUntil(version: string): Availability {
  return { redis: { from: '0', until: version } };
}

/** Available only in Redis, starting with a version. */
export function onlyRedis(from: string): Availability {
  return { redis: { from } };
}

/** Available only in Valkey. */
export function valkeyOnly(from: string, until?: string): Availability {
  return { valkey: until === undefined ? { from } : { from, until } };
}

/**
 * Available in patch releases of older versions, and in every version starting with `rest`: for security fixes that add
 * a setting.
 */
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

/** Replaces a version without a patch number with its last patch. */
function latestPatch(version: string): string {
  return version.split('.').length < 3 ? `${version}.9999` : version;
}

const TITLES: Readonly<Record<ServerFamily, string>> = { redis: 'Redis', valkey: 'Valkey' };

/** Describes an availability: `Redis 7.4 and newer, Valkey 8.0 and newer`, or `Redis before 7.0`. */
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
