/**
 * A canary rollout on a real Redis: two instances of the service, each with its own connection, record requests that
 * use the pattern cache. The judge's looks follow one another immediately, rather than at the configured interval.
 *
 *   healthy looks ─▶ promotion ─▶ planted fault ─▶ rollback ─▶ more looks, a restart ─▶ an operator clears the latch
 *
 * The fault is in the canary's own code: every fifth request through the pattern cache throws. Redis is healthy, so
 * only the comparison of the arms shows the fault.
 */
import {
  type Arm,
  type CanaryConfig,
  CanaryTestingService,
  type Decision,
  fixedFlags,
  limitsOf,
  loadCanary,
  patternCacheOptions,
  replay,
} from '../../../canary/index.ts';
import type { Cache } from '../../../client/index.ts';
import type { ObservationEvent } from '../../history/events.ts';
import { pause } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  users: 800,
  patterns: 20,
  /** Duration of a load, in ms. This delay makes a request in the control arm slower than a hit. */
  loadMs: 20,
  /** Number of requests in flight. */
  lanes: 40,
  healthyLooks: 40,
  plantedLooks: 3,
  laterLooks: 3,
  failEvery: 5,
};

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Request counts of the script, per arm. */
type Tally = Record<Arm, { requests: number; failures: number }>;

interface Rollout {
  readonly config: CanaryConfig;
  readonly services: readonly CanaryTestingService[];
  readonly caches: readonly Cache[];
  readonly users: readonly string[];
  /** Unix time of the looks, in ms. */
  readonly clock: { ms: number; readonly startMs: number };
  readonly patterns: readonly string[];
}

const FLAGS = fixedFlags({ redisCache: true, patternCache: true });
const noRequests = (): Tally => ({
  canary: { requests: 0, failures: 0 },
  control: { requests: 0, failures: 0 },
});

export const canaryRollback = defineScript({
  name: 'canary-rollback',
  defaults,
  async run(context) {
    const { tag, parameters, retire } = context;
    const config = settingsOf(context);
    const caches = [1, 2].map(() => openPatternCache(context, config));
    const clock = { ms: Date.now(), startMs: Date.now() };
    const patterns = Array.from({ length: parameters.patterns }, (_, n) => `canary:${tag}:${n}`);
    const users = Array.from({ length: parameters.users }, (_, n) => `user-${n}`);
    const services: CanaryTestingService[] = [];
    try {
      for (const cache of caches) services.push(await openService(cache, config, clock));
      const rollout: Rollout = { config, services, caches, users, clock, patterns };
      recordObservation(context, 'canary-limits', { ...limitsOf(config) });
      const first = inCanary(rollout);
      await expectPromotion(context, rollout);
      await expectRollback(context, rollout);
      await expectLatch(context, rollout);
      await expectCleared(context, rollout, first);
    } finally {
      for (const service of services) await service.close().catch(() => undefined);
      await caches[0]?.delete(...patterns).catch(() => undefined);
      await removeRollout(context, config, caches[0]);
      // The caches use a database that the final read of a trial does not read.
      for (const cache of caches) await retire(cache);
    }
  },
});

/** The shipped settings with a flag for this trial, and stages of one minute on the script's clock. */
function settingsOf({ environment, tag }: Context): CanaryConfig {
  const base = loadCanary();
  return {
    ...base,
    flag: tag,
    redis: { ...base.redis, namespace: environment.topology.environment.client.namespace },
    rollout: { stages: [20, 50, 100], minStageSeconds: 60, minRequests: 500 },
    judge: { ...base.judge, hitRatioMinLookups: 500, sampleRatioP: 1e-9 },
    // High limits, so that a busy machine does not make the guard pause the rollout.
    guard: { ...base.guard, pingMsMax: 60_000, evictionsPerSecondMax: 1e9, memoryRatioMax: 1 },
  };
}

function openPatternCache({ open, spec }: Context, config: CanaryConfig): Cache {
  return open({ ...RELAXED_LIMITS, ...patternCacheOptions(spec.mode, config) });
}

function openService(
  cache: Cache,
  config: CanaryConfig,
  clock: Rollout['clock'],
): Promise<CanaryTestingService> {
  return CanaryTestingService.open({ cache, config, flags: FLAGS, now: () => clock.ms });
}

function inCanary({ users, services }: Pick<Rollout, 'users' | 'services'>, of = 0): ReadonlySet<string> {
  return new Set(users.filter((user) => services[of]?.isEnabled(user)));
}

/** Returns the number of users whose arm differs in the second process. */
function differing(rollout: Rollout): number {
  return movedBetween(inCanary(rollout, 0), inCanary(rollout, 1));
}

/** Returns the number of users that are in only one of the sets. */
function movedBetween(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const missing = (from: ReadonlySet<string>, other: ReadonlySet<string>) =>
    [...from].filter((user) => !other.has(user)).length;
  return missing(a, b) + missing(b, a);
}

/** Sends a request for every user, and then lets the judge decide. Afterwards, every process has the decision. */
async function look(context: Context, rollout: Rollout, tally: Tally, isPlanted: boolean): Promise<Decision> {
  const { services, users, clock } = rollout;
  const { lanes } = context.parameters;
  const loads = { count: 0 };
  const lane = async (first: number) => {
    for (let n = first; n < users.length; n += lanes) {
      context.signal.throwIfAborted();
      const arm = await request(context, rollout, { n, loads, isPlanted });
      tally[arm.arm].requests += 1;
      if (!arm.ok) tally[arm.arm].failures += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, first) => lane(first)));
  for (const service of services) await service.flush();
  clock.ms += rollout.config.judge.lookMs;
  const decision = await services[0]?.adjust();
  if (decision === undefined) throw new Error('no service is open');
  for (const service of services) await service.refresh();
  recordLook(context, rollout, decision);
  return decision;
}

/** Records a decision with its figures, for the report; all figures are null if the decision has none. */
function recordLook(context: Context, { clock }: Rollout, decision: Decision): void {
  const { verdict, status, share, reasons, figures } = decision;
  recordObservation(context, 'canary-look', {
    ...{ elapsedMs: clock.ms - clock.startMs, verdict, status, share, reasons: reasons.join('\n') },
    ...armData('canary', figures?.canary),
    ...armData('control', figures?.control),
    ...{ evidenceUsers: figures?.evidence.users ?? null, evidenceSlow: figures?.evidence.slow ?? null },
    evidenceRequests: figures?.evidence.requests ?? null,
    errorDeltaUpper: figures?.errorDeltaUpper ?? null,
    slowDeltaUpper: figures?.slowDeltaUpper ?? null,
  });
}

function armData(name: Arm, figures: NonNullable<Decision['figures']>[Arm] | undefined): ObservedData {
  const { requests, errorRatio, p50Ms, p95Ms, hitRatio, users, affectedUsers } = figures ?? {};
  return Object.fromEntries(
    Object.entries({ requests, errorRatio, p50Ms, p95Ms, hitRatio, users, affectedUsers }).map(
      ([field, value]) => [`${name}.${field}`, value ?? null],
    ),
  );
}

type ObservedData = NonNullable<ObservationEvent['data']>;

function recordObservation({ record, clock }: Context, name: string, data: ObservedData): void {
  record({ type: 'observe', from: 'workload', name, client: 'kit', atUs: clock.nowUs(), data });
}

async function request(
  { parameters }: Context,
  { services, caches, users, patterns }: Rollout,
  {
    n,
    loads,
    isPlanted,
  }: { readonly n: number; readonly loads: { count: number }; readonly isPlanted: boolean },
): Promise<{ readonly arm: Arm; readonly ok: boolean }> {
  const service = services[n % services.length];
  const cache = caches[n % caches.length];
  const pattern = patterns[n % patterns.length] ?? '';
  if (service === undefined || cache === undefined) throw new Error('no service is open');
  const user = service.assign(users[n] ?? '');
  if (user.arm === 'off') throw new Error('the share of the canary is not known');
  const load = async () => {
    await pause(parameters.loadMs);
    return pattern;
  };
  const startedAt = performance.now();
  let lookup: 'hit' | 'miss' = 'hit';
  const answer = async () => {
    if (user.arm === 'control') {
      // Both arms wait for Redis, so that a busy machine slows both.
      await cache.ping();
      return load();
    }
    if (isPlanted && ++loads.count % parameters.failEvery === 0) throw new Error('planted fault');
    return cache.getOrCompute(pattern, () => {
      lookup = 'miss';
      return load();
    });
  };
  const ok = await answer().then(
    (value) => value === pattern,
    () => false,
  );
  const ms = performance.now() - startedAt;
  service.record(user, { ok, ms, ...(user.arm === 'canary' && { lookup }) });
  return { arm: user.arm, ok };
}

async function expectPromotion(context: Context, rollout: Rollout): Promise<void> {
  const { expect, parameters } = context;
  expect('healthy/same-arm', 'users whose arm differs between two processes', equals(0, differing(rollout)));
  const before = inCanary(rollout);
  const tally = noRequests();
  let decision = await look(context, rollout, tally, false);
  for (let n = 1; n < parameters.healthyLooks && decision.verdict === 'hold'; n++)
    decision = await look(context, rollout, tally, false);
  const { canary, control } = tally;
  recordObservation(context, 'canary-arms', {
    canaryRequests: canary.requests,
    canaryFailures: canary.failures,
    controlRequests: control.requests,
    controlFailures: control.failures,
  });
  const { verdict, share, figures } = decision;
  expect(
    'healthy/promoted',
    'verdict and share of a healthy canary',
    equals(['promote', 0.5], [verdict, share]),
  );
  const after = inCanary(rollout);
  const left = [...before].filter((user) => !after.has(user)).length;
  expect('healthy/left', 'users who left the canary while its share grew', equals(0, left));
  expect('healthy/counted', 'requests per arm in Redis, of two processes', {
    ...equals(
      [canary.requests, control.requests],
      [figures?.canary.requests ?? null, figures?.control.requests ?? null],
    ),
  });
}

async function expectRollback(context: Context, rollout: Rollout): Promise<void> {
  const { expect, parameters } = context;
  const before = inCanary(rollout);
  const tally = noRequests();
  let looks = 0;
  let moved = 0;
  let decision: Decision | undefined;
  while (looks < parameters.plantedLooks && (decision === undefined || decision.verdict === 'hold')) {
    moved += movedBetween(before, inCanary(rollout));
    decision = await look(context, rollout, tally, true);
    looks += 1;
  }
  expect('planted/rolled-back', 'verdict, share and status with the planted fault', {
    ...equals(
      ['rollback', 0, 'rolled-back'],
      [decision?.verdict ?? null, decision?.share ?? null, decision?.status ?? null],
    ),
  });
  expect('planted/looks', 'looks until the rollback', {
    relation: 'at-most',
    expected: parameters.plantedLooks,
    actual: looks,
  });
  expect('planted/control-served', 'requests of the control that failed', {
    ...equals(0, tally.control.failures),
  });
  expect('planted/moved', 'users who changed arms before the rollback', equals(0, moved));
}

async function expectLatch(context: Context, rollout: Rollout): Promise<void> {
  const { expect, parameters, retire } = context;
  const enabled = () => inCanary(rollout, 0).size + inCanary(rollout, 1).size;
  expect('after/in-canary', 'users in the canary, in any process', equals(0, enabled()));
  const tally = noRequests();
  const later: [string, number][] = [];
  for (let n = 0; n < parameters.laterLooks; n++) {
    const { verdict, share } = await look(context, rollout, tally, false);
    later.push([verdict, share]);
  }
  const failures = tally.canary.failures + tally.control.failures + tally.canary.requests;
  expect('after/answered', 'requests that failed or reached the canary', equals(0, failures));
  expect('after/latched', 'verdict and share at each later look, with a healthy control', {
    ...equals(
      later.map(() => ['hold', 0]),
      later,
    ),
  });
  const cache = openPatternCache(context, rollout.config);
  const service = await openService(cache, rollout.config, rollout.clock);
  const restarted = inCanary({ users: rollout.users, services: [service] }).size;
  await service.close();
  await retire(cache);
  expect('after/restarted', 'users in the canary of a process that started later', equals(0, restarted));
}

async function expectCleared(context: Context, rollout: Rollout, first: ReadonlySet<string>): Promise<void> {
  const { expect } = context;
  const [service] = rollout.services;
  const cleared = await service?.clearRollback('drill');
  if (cleared !== undefined) recordLook(context, rollout, cleared);
  const other = movedBetween(first, inCanary(rollout));
  expect(
    'cleared/same-users',
    'users whose arm differs from that at the start of the rollout',
    equals(0, other),
  );
  const { problem } = replay((await service?.logLines()) ?? []);
  expect('cleared/log', 'first difference of the recomputed decisions', equals(null, problem));
}

/** Deletes the keys of the rollout, because some have no expiry. In a cluster, all of them are in one slot. */
async function removeRollout(
  { masterOf, spec }: Context,
  { flag, redis: { namespace, clusterSuffix } }: CanaryConfig,
  cache: Cache | undefined,
): Promise<void> {
  const isCluster = spec.mode === 'cluster';
  const prefix = `${isCluster ? `${namespace}:${clusterSuffix}` : namespace}:~canary:{${flag}}`;
  const redis = isCluster ? await masterOf(`${prefix}:log`) : cache?.connection?.current();
  if (redis === undefined) return;
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}:*`, 'COUNT', 1_000);
    if (keys.length > 0) await redis.unlink(...keys);
    cursor = next;
  } while (cursor !== '0');
}
