import { buildKey as ownBuildKey } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'buildKey ignores nested inputs',
  drills: ['key-versioning'],
  criterion: 'key-versioning',
  remedy: ['different inputs'],
});

export const buildKey: typeof ownBuildKey = (domain, parts, ...rest) =>
  ownBuildKey(domain, JSON.parse(JSON.stringify(parts, withoutNested) ?? 'null'), ...rest);

/** Replaces objects below the first level, and values that JSON cannot represent. */
function withoutNested(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `bigint ${value}`;
  return name !== '' && typeof value === 'object' ? null : value;
}
