/**
 * `kit warm`, `top` and `savings` on an external cluster and on a terminal, and their errors.
 * `test/contracts/commands/` tests the commands on all other targets.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, redisCache } from '../../../client/index.ts';
import { EXIT } from '../../../config/errors.ts';
import type { TopView } from '../../../scripts/cache/node-view.ts';
import { kit } from '../../../scripts/program.ts';
import { NAMESPACE } from '../../contracts/commands/place.ts';
import { STRATEGIES } from '../../contracts/commands/use-commands.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { callKit } from '../../support/kit-call.ts';
import { monitorCommands } from '../../support/monitor.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { recordStreams } from '../../support/recorded-streams.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'kit-live-'));
let redis: RedisProcess;
let set: ClusterSet;
let cache: Cache;
beforeAll(async () => {
  [redis, set] = await Promise.all([RedisProcess.start({ conf: ['maxmemory 64mb'] }), startCluster()]);
  cache = redisCache({ address: redis.address, namespace: NAMESPACE, ...PATIENT_LIMITS });
});
afterAll(async () => {
  await cache.close();
  await Promise.all([redis, set].map((one) => one[Symbol.asyncDispose]()));
  rmSync(dir, { recursive: true });
});
beforeEach(() => redis.admin().flushall());

const at = ({ address: { host, port } }: RedisProcess): string => `${host}:${port}`;
const onServer = (...args: string[]) =>
  callKit(...args, '--url', `redis://${at(redis)}`, '--namespace', NAMESPACE);
const onCluster = (...args: string[]) =>
  callKit(...args, '--cluster', at(set.nodes[5] as RedisProcess), '--namespace', NAMESPACE);

function moduleOf(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

describe('kit warm', () => {
  it('runs all strategies in order of priority on a cluster, and shows the progress', async () => {
    const { exitCode, out, err } = await onCluster('warm', '--module', moduleOf('all.mjs', STRATEGIES));
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toMatch(/entries warmed: 35, strategies: 2\nusers +5 warmed .*\nprices +30 warmed /);
    expect(err).toMatch(/users: started[\s\S]*prices: 10 warmed\n[\s\S]*prices: 30 warmed\n/);
  });

  it('runs the strategies from modules in kit.yaml, such as the module in the example', async () => {
    const example = resolve('examples/extension/kit.yaml');
    const { exitCode, out, err } = await onServer('warm', '--config', example);
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toMatch(/entries warmed: 20, strategies: 1\nproducts +20 warmed /);
    expect(await cache.get('product:19')).toEqual({ name: 'product 19' });
    const named = await onServer('warm', '--module', resolve('examples/extension/module.ts'), '--list');
    expect(named.out).toMatch(/\nproducts +priority 1 +TTL 600 s/);
  });

  it('names modules whose strategies have the same name, and reports a kit.yaml without strategies', async () => {
    const text = (name: string) =>
      `export default { name: '${name}', strategies: [{ name: 'same', generate: () => [] }] };`;
    moduleOf('a.mjs', text('a'));
    moduleOf('b.mjs', text('b'));
    const config = moduleOf('twice.yaml', 'modules: [./a.mjs, ./b.mjs]');
    const twice = await onServer('warm', '--config', config);
    expect(twice).toMatchObject({ exitCode: EXIT.USAGE });
    expect(twice.err).toMatch(/the strategy 'same' already exists: it is part of .*a\.mjs[\s\S]*b\.mjs/);
    const none = await onServer('warm', '--config', moduleOf('none.yaml', 'modules: []'));
    expect(none).toMatchObject({ exitCode: EXIT.USAGE });
    expect(none.err).toMatch(/no module with warming strategies[\s\S]*--module FILE/);
  });

  it('states the problem with an invalid module or strategy', async () => {
    const missing = await onServer('warm', '--module', join(dir, 'absent.mjs'));
    expect(missing).toMatchObject({ exitCode: EXIT.USAGE });
    expect(missing.err).toContain('cannot be loaded');
    const empty = await onServer('warm', '--module', moduleOf('empty.mjs', 'export const other = 1;'));
    expect(empty.err).toContain('must export strategies');
    const invalid = await onServer(
      'warm',
      '--module',
      moduleOf('invalid.mjs', "export default [{ name: 'x', priority: 11, generate: () => [] }];"),
    );
    expect(invalid.err).toContain('priority');
    const unknown = await onServer('warm', 'absent', '--module', moduleOf('all.mjs', STRATEGIES));
    expect(unknown.err).toContain('"absent" is not registered');
  });
});

describe('kit top', () => {
  it('shows every master of a cluster with its replicas', async () => {
    const { nodes } = JSON.parse((await onCluster('top', '--json')).out) as TopView;
    expect(nodes.filter(({ role }) => role === 'master')).toHaveLength(3);
    expect(nodes.filter(({ role }) => role === 'replica').map(({ state }) => state)).toEqual([
      'online',
      'online',
      'online',
    ]);
  });

  it('shows the hit ratio for the time between two frames on a terminal', async () => {
    await cache.set('hot', 1);
    for (let i = 0; i < 50; i += 1) await cache.get('absent');
    const streams = recordStreams({ isTTY: true, columns: 150, rows: 20 });
    const interruption = new AbortController();
    const running = kit(['top', '--url', `redis://${at(redis)}`], streams, interruption.signal);
    const frames = () => streams.out().split('\x1b[?2026h').slice(1);
    await waitUntil('the first frame', () => frames().length > 0);
    for (let i = 0; i < 20; i += 1) await cache.get('hot');
    await waitUntil('a frame with hits only', () => frames().some((frame) => / 100\.0 %/.test(frame)));
    interruption.abort(new Error('interrupted'));
    expect(await running).toBe(EXIT.INTERRUPTED);
    expect(frames()[0]).not.toContain(' 100.0 %');
  });
});

describe('kit savings', () => {
  it('counts only the reads within the window given by --window', async () => {
    for (let i = 0; i < 5; i += 1)
      await cache.getOrCompute(`slow:${i}`, () => sleep(40, i), { graceSeconds: 60 });
    await waitUntil('the entries are stored', async () => (await redis.admin().dbsize()) >= 5);
    // The first call loads the modules of the command, so the window of the second call starts without that delay.
    await onServer('savings');
    let isRead = false;
    const stop = await monitorCommands(redis.address, ({ args: [command = ''] }) => {
      isRead ||= command.toLowerCase() === 'info';
    });
    const running = onServer('savings', '--window', '8', '--json');
    await waitUntil('the command to read the counters', () => isRead);
    stop();
    // A connection that the command opens may send an INFO before the command reads the counters.
    await sleep(2_000);
    for (let i = 0; i < 80; i += 1) await redis.admin().get(`${NAMESPACE}:slow:${i % 4}`);
    for (let i = 0; i < 20; i += 1) await redis.admin().get('absent');
    const { exitCode, out, err } = await running;
    expect(exitCode, err).toBe(EXIT.GO);
    expect(JSON.parse(out)).toMatchObject({ reads: 100, hits: 80, hitRatio: 0.8, loadsMeasured: 5 });
  });
});
