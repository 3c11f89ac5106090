/** The decision log in a real Redis, written by two processes whose commands interleave. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import { eventAfter, snapshotAfter } from '../../canary/log/entry.ts';
import { DecisionLog } from '../../canary/log/store.ts';
import { canaryKeys } from '../../canary/metrics/keys.ts';
import { type Cache, redisCache } from '../../client/index.ts';
import type { SupervisedConnection } from '../../client/types.ts';
import { PATIENT_LIMITS } from '../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../support/redis-process.ts';
import { HEALTHY, Rollout, RULES } from './traffic.ts';

const KEYS = canaryKeys('cache', 'raced');
const LIMITS = { maxEntries: 100 };

let redis: RedisProcess;
let cache: Cache;
let call: SupervisedConnection['call'];

beforeAll(async () => {
  redis = await RedisProcess.start();
  cache = redisCache({ address: redis.address, ...PATIENT_LIMITS });
  if (cache.connection === undefined) throw new Error('a cache on Redis must have a connection');
  call = cache.connection.call.bind(cache.connection);
});

afterAll(async () => {
  await cache.close();
  await redis[Symbol.asyncDispose]();
});

it('a process that updates its caches late leaves no share in Redis that is older than that in the log', async () => {
  const rollout = new Rollout();
  rollout.look(HEALTHY);
  rollout.look(HEALTHY);
  const [one, two] = rollout.events;
  if (one === undefined || two === undefined) throw new Error('the log must have at least one look');
  const held = Promise.withResolvers<void>();
  let isLate = false;
  const late = new DecisionLog(
    async (name, ...args) => {
      if (name === 'SET' && isLate) await held.promise;
      return call(name, ...args);
    },
    KEYS,
    LIMITS,
  );
  const other = new DecisionLog(call, KEYS, LIMITS);
  const start = snapshotAfter(undefined, RULES, INITIAL_STATE);
  await late.append(start);
  isLate = true;
  const appended = late.append(eventAfter(start.head, one));
  await waitUntil('the entry is in the log', async () => (await other.read())?.index === 1);
  const head = await other.read();
  if (head === undefined) throw new Error('the log must have entries');
  expect(await other.append(eventAfter(head, two))).toBe(true);
  isLate = false;
  held.resolve();
  expect(await appended).toBe(true);
  expect(JSON.parse(String(await call('GET', KEYS.control)))).toMatchObject({ index: 2 });
  expect(JSON.parse(String(await call('GET', KEYS.state)))).toMatchObject({ index: 2 });
});

it('a damaged cached state is rebuilt from the log', async () => {
  await call('SET', KEYS.state, '{');
  expect((await new DecisionLog(call, KEYS, LIMITS).read())?.index).toBe(2);
});
