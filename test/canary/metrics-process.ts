/**
 * A process that `metrics.test.ts` starts. It sends requests and prints the counts that it recorded, per generation and
 * arm, as one line of JSON. Arguments: sentinels as `host:port,…`, number of requests, seed.
 */
import { CanaryTestingService, fixedFlags, loadCanary } from '../../canary/index.ts';
import { sentinelCache } from '../../client/index.ts';

const [list = '', requests = '0', seed = '0'] = process.argv.slice(2);
const base = loadCanary();
const cache = sentinelCache({
  sentinels: list.split(',').map((address) => {
    const [host = '', port = ''] = address.split(':');
    return { host, port: Number(port) };
  }),
  db: 2,
  namespace: 'cache',
});
const canary = await CanaryTestingService.open({
  cache,
  flags: fixedFlags({ redisCache: true, patternCache: true }),
  config: {
    ...base,
    flag: 'counted',
    rollout: { ...base.rollout, stages: [25] },
    metrics: { ...base.metrics, flushMs: 50, minBatch: 20, maxDelayMs: 200 },
  },
});
const recorded = {
  canary: { requests: 0, failures: 0, hits: 0, misses: 0, users: new Set(), affected: new Set() },
  control: { requests: 0, failures: 0, hits: 0, misses: 0, users: new Set(), affected: new Set() },
};
// On a busy machine the first read of the stage can take longer than the process needs to start.
for (let tries = 0; tries < 300 && canary.assign('user-0').arm === 'off'; tries++)
  await new Promise((resolve) => setTimeout(resolve, 100));
for (let i = 0; i < Number(requests); i++) {
  const id = `user-${(i * 7 + Number(seed) * 13) % 900}`;
  const user = canary.assign(id);
  if (user.arm === 'off') throw new Error('the canary is off');
  const ok = (i + Number(seed)) % 50 !== 0;
  const lookup = i % 3 === 0 ? 'miss' : 'hit';
  canary.record(user, { ok, ms: i % 40, lookup });
  const arm = recorded[user.arm];
  arm.requests += 1;
  arm.users.add(id);
  if (!ok) {
    arm.failures += 1;
    arm.affected.add(id);
  }
  arm[lookup === 'hit' ? 'hits' : 'misses'] += 1;
  if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 40));
}
const { commands } = canary;
await canary.close();
await cache.close();
const plain = Object.fromEntries(
  Object.entries(recorded).map(([arm, { users, affected, ...counts }]) => [
    arm,
    { ...counts, users: [...users], affected: [...affected] },
  ]),
);
process.stdout.write(`${JSON.stringify({ ...plain, commands })}\n`);
