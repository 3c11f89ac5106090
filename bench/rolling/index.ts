/**
 * Measures a rolling change to another version under load: 500 durable writes and 500 `getOrCompute` calls per second
 * by the kit's client, in an open loop, on one master, two replicas and three sentinels. Each round starts a new
 * environment.
 *
 *   npm run bench -- rolling <redis@8.2|valkey@9.1|…> [rounds] [server program | docker]
 *
 * The change is from the server on this machine to the named one. The last argument is the server program for local
 * processes (default: the first in PATH), or `docker` for the images on this machine
 * (`kit images build --server PATH`). Prints one line of JSON per round, with times in ms. `gapMs`: longest time
 * between two acknowledged writes, and `during` the step in which it ended. `lateMs`: longest delay of the load itself.
 * `writableMs`: pause in writes during each switchover. `lost`: acknowledged keys that the final master does not have.
 */
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { loadEnvironment } from '../../config/load.ts';
import { roll } from '../../infra/operations/rolling/roll.ts';
import { checkVersions } from '../../infra/operations/rolling/versions.ts';
import { describeServers, nodeServers } from '../../infra/operations/servers.ts';
import { OWN_SUBSTRATE_NAMES, substrateOf } from '../../infra/substrates/registry.ts';
import { planTopology } from '../../infra/topology.ts';
import { applicationLogin, type LoadResult, lostKeys, openApplicationCache } from './load.ts';

const RATE = 500;
const NAME = 'bench-rolling';

const [server = '', rounds = '5', where] = process.argv.slice(2);
if (!/^(redis|valkey)@/.test(server)) {
  process.stderr.write(
    'usage: npm run bench -- rolling <redis@8.2|valkey@9.1|…> [rounds] [server program | docker]\n',
  );
  process.exit(2);
}

const name = OWN_SUBSTRATE_NAMES.find((substrate) => substrate === where) ?? 'local';
const program = where === undefined || where === name ? {} : { 'local.server': where };
const ports = { redis: 28_900, sentinel: 28_910, exporter: 28_920, commander: 28_921 };
const dev = { ...loadEnvironment('dev'), name: NAME };
const settings = { ...dev, docker: { ...dev.docker, ports } };
const { redis, local } = loadEnvironment('dev', { 'redis.server': server, ...program });
const asked = planTopology({ ...settings, redis, ...(local && { local }) });
const substrate = await substrateOf(name, { stateDir: resolve('.kit') });
// Containers outlive this process, so an interrupted round removes its environment.
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
for (let round = 0; round < Number(rounds); round += 1) {
  process.stdout.write(`${JSON.stringify({ substrate: name, ...(await measure(stop.signal)) })}\n`);
}

async function measure(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  await using environment = await substrate.apply(planTopology(settings), { ephemeral: true, signal });
  const from = describeServers(await nodeServers(environment));
  const cache = openApplicationCache(environment);
  const workerData = { login: applicationLogin(environment), perSecond: RATE };
  await using load = new Worker(new URL('./load-thread.ts', import.meta.url), { workerData });
  await once(load, 'message');
  const change = await substrate.prepareChange?.(asked, {});
  if (change === undefined) throw new Error('the environment is not running');
  try {
    const nodeIds = change.changes.map(({ nodeId }) => nodeId);
    const check = () => checkVersions(change.environment, change.server);
    const steps: { readonly at: number; readonly line: string }[] = [];
    const progress = (line: string): void => void steps.push({ at: Date.now(), line });
    const report = await roll(change, { nodeIds, check, progress, signal });
    await change.finish(() => {});
    signal.throwIfAborted();
    load.postMessage('stop');
    const [{ acknowledged, ...result }] = (await once(load, 'message')) as [LoadResult];
    const lost = await lostKeys(environment, cache, acknowledged);
    return {
      ...{ from, to: describeServers(await nodeServers(environment)), tookMs: report.tookMs },
      ...{ writableMs: report.switches.map(({ writableMs }) => writableMs), gapMs: result.longestGapMs },
      during: steps.findLast(({ at }) => at <= result.longestGapAt)?.line ?? 'before the first step',
      lateMs: result.lateMs,
      ...{ sent: result.sent, acknowledged: acknowledged.length, lost: lost.length },
      ...{ unanswered: result.unanswered, load: Number(loadavg()[0]?.toFixed(1)) },
    };
  } finally {
    await cache.close();
    await change[Symbol.asyncDispose]();
  }
}
