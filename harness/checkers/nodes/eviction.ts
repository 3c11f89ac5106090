/** Whether a full Redis node evicts keys of the cache: a memory limit, and a policy that may evict any key. */
import type { Demand } from './directive.ts';
import { checkDirective, mergeFindings } from './directive.ts';
import type { NodeView } from './facts.ts';
import { nodeRule } from './finding.ts';

const DEMANDS: readonly Demand[] = [
  {
    directive: 'maxmemory-policy',
    setting: 'redis.maxmemoryPolicy',
    wanted: 'an allkeys policy',
    value: 'allkeys-lru',
    reason: 'a full cache refuses writes (noeviction), or evicts only keys that have a TTL (volatile)',
    holds: (value) => value.startsWith('allkeys-'),
  },
  {
    directive: 'maxmemory',
    setting: 'redis.maxmemory',
    wanted: 'above 0',
    value: '2gb',
    reason: 'without a limit nothing is evicted, and the system kills the process when memory runs out',
    holds: (value) => Number(value) > 0,
  },
];

export const eviction = nodeRule({
  id: 'eviction',
  proves: 'a full Redis node evicts keys instead of refusing writes or growing without a limit',
  of: 'redis',
  judge(view, about) {
    const seen = { ...view, config: view.config ?? fromInfo(view) };
    if (seen.config === undefined) return { wrong: [], checked: 0, missing: 'CONFIG GET and INFO' };
    return mergeFindings(
      DEMANDS.map((demand) => checkDirective({ ...seen, config: seen.config ?? new Map() }, about, demand)),
    );
  },
});

/** Reads both values from INFO, which may be allowed even if CONFIG is not. */
function fromInfo({ info }: NodeView): ReadonlyMap<string, string> | undefined {
  const policy = info?.get('maxmemory_policy');
  const limit = info?.get('maxmemory');
  if (policy === undefined || limit === undefined) return undefined;
  return new Map([
    ['maxmemory-policy', policy],
    ['maxmemory', limit],
  ]);
}
