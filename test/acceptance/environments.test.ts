/** `kit up`, `status` and `down` from the command line: two environments in parallel, each command twice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import type { EnvironmentView } from '../../scripts/environment-view.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { waitUntil } from '../support/redis-process.ts';

/** Keeps a busy machine from causing a failover. */
const CALM = { 'sentinel.downAfterMs': 10_000 };

describe('two environments side by side', () => {
  const cli = new CliHarness();
  const files = { left: cli.writeEnvironment('left', CALM), right: cli.writeEnvironment('right', CALM) };
  let views: Readonly<Record<keyof typeof files, EnvironmentView>>;

  beforeAll(async () => {
    const [left, right] = await Promise.all([up(files.left), up(files.right)]);
    views = { left, right };
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  async function up(file: string): Promise<EnvironmentView> {
    const { exitCode, out, err } = await cli.runKit('up', '--env', file, '--json');
    expect({ exitCode, err }, out).toEqual({ exitCode: EXIT.GO, err: '' });
    return JSON.parse(out) as EnvironmentView;
  }

  it('share no address and no process when both start at the same time', () => {
    const nodes = [...views.left.nodes, ...views.right.nodes];
    expect(nodes).toHaveLength(12);
    expect(new Set(nodes.map(({ address }) => address)).size).toBe(12);
    expect(new Set(nodes.map(({ pid }) => pid)).size).toBe(12);
    expect(nodes.every(({ state }) => state === 'running')).toBe(true);
  });

  it('do not change on a second kit up', async () => {
    expect(await up(files.left)).toEqual(views.left);
    expect(await up(files.right)).toEqual(views.right);
  });

  it('reject a second kit up with different settings, and keep running', async () => {
    const { exitCode, out } = await cli.runKit(
      ...['up', '--env', files.left, '--set', 'redis.maxmemory=300mb', '--json'],
    );
    expect(exitCode).toBe(EXIT.USAGE);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'ENVIRONMENT_CHANGED', hint: expect.stringContaining('kit down') },
    });
    expect((await cli.runKit('status', '--env', files.left)).exitCode).toBe(EXIT.GO);
  });

  it('stay unchanged when a drill uses them, and keep running after it', async () => {
    const run = await cli.runKit('drill', 'hit-miss', '--env', files.left, '--out', 'run');
    cli.expectNoFailures(run, 'run');
    expect(run.err).toContain('left is already running: using it');
    expect(await up(files.left)).toEqual(views.left);
  });

  it('are shown by kit status, as text and as JSON', async () => {
    const told = await cli.runKit('status', '--env', files.left);
    expect(told).toMatchObject({ exitCode: EXIT.GO, err: '' });
    expect(told.out).toMatch(/^left: healthy\nredis-1 +\S+ +running, master +Redis \d\S+ +pid \d+\n/);
    const { exitCode, out } = await cli.runKit('status', '--env', files.right, '--json');
    expect(exitCode).toBe(EXIT.GO);
    expect(JSON.parse(out)).toEqual(views.right);
  });

  it('are unhealthy if no replica is linked to the master; a run reports that the master rejects writes', async () => {
    await cutReplicas('right', /redis-3/);
    const again = await cli.runKit('up', '--env', files.right);
    expect(again.exitCode, again.out).toBe(EXIT.NO_GO);
    expect(again.out).toMatch(/^right: unhealthy: redis-3 has no link to its master\n/);
    await cutReplicas('right', /redis-[23]/);
    const { exitCode, out } = await cli.runKit('status', '--env', files.right);
    expect(exitCode, out).toBe(EXIT.NO_GO);
    expect(out).toMatch(
      /^right: unhealthy: redis-[23] has no link to its master\nredis-1 .* running, master /,
    );
    const run = await cli.runKit('drill', 'hit-miss', '--env', files.right, '--out', 'cut', '--json');
    expect(run.exitCode, run.out).toBe(EXIT.UNKNOWN);
    expect(JSON.parse(run.out)).toMatchObject({
      error: { code: 'FUNCTIONS_REFUSED', message: expect.stringContaining('NOREPLICAS') },
    });
  });

  /**
   * Sets a wrong password on replicas, so their links are down. All nodes run, and the sentinels still report the same
   * master.
   */
  async function cutReplicas(name: keyof typeof files, which: RegExp): Promise<void> {
    const secrets = join(cli.path, '.kit', 'environments', name, 'secrets.json');
    const { redis } = JSON.parse(readFileSync(secrets, 'utf8')) as { redis: { admin: string } };
    const adminOf = ({ address }: EnvironmentView['nodes'][number]) => {
      const [host = '', port = ''] = address.split(':');
      const admin = new Redis({ host, port: Number(port), username: 'admin', password: redis.admin });
      return admin.on('error', () => undefined);
    };
    const saysOf = (admin: Redis, what: string) =>
      waitUntil(what, async () => (await admin.info('replication')).includes(what));
    const cut = views[name].nodes.filter(({ id }) => which.test(id));
    for (const node of cut) {
      const admin = adminOf(node);
      await admin.config('SET', 'masterauth', 'no longer');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'master');
      await saysOf(admin, 'master_link_status:down');
      admin.disconnect();
    }
    const [first] = views[name].nodes;
    if (first === undefined) throw new Error('the environment has no node');
    const master = adminOf(first);
    await saysOf(master, `min_slaves_good_slaves:${2 - cut.length}`);
    master.disconnect();
  }

  it('stop independently of each other, and a second kit down is not an error', async () => {
    const first = await cli.runKit('down', '--env', files.left);
    expect(first).toMatchObject({ exitCode: EXIT.GO, err: '' });
    expect(first.out).toMatch(
      /^left: stopped redis-1, redis-2, redis-3, sentinel-1, sentinel-2, sentinel-3;/,
    );
    expect(await cli.runKit('down', '--env', files.left)).toEqual({
      exitCode: EXIT.GO,
      out: 'left: nothing to stop\n',
      err: '',
    });
    expect(await cli.runKit('status', '--env', files.left)).toMatchObject({ exitCode: EXIT.NO_GO });
    const right = JSON.parse(
      (await cli.runKit('status', '--env', files.right, '--json')).out,
    ) as EnvironmentView;
    // Only the links of the replicas are down (see cutReplicas); all nodes still run.
    expect(right.nodes.map(({ state }) => state)).toEqual(Array(6).fill('running'));
    const ended = await cli.runKit('down', '--env', files.right, '--json');
    expect(JSON.parse(ended.out)).toMatchObject({ environment: 'right', ended: { length: 6 } });
    await cli.expectNothingLeft(0);
  });
});

describe('two commands on one environment', () => {
  it('cannot run together if one stops the environment: the second is rejected, the first continues', async () => {
    await using cli = new CliHarness();
    const first = cli.start(['drill', 'hit-miss', 'ttl-expiry', '--trials', '10', '--out', 'first']);
    await first.waitForProgress(/hit-miss/);
    const second = await cli.runKit('drill', 'hit-miss', '--out', 'second', '--json');
    expect(second.exitCode, second.out).toBe(EXIT.UNKNOWN);
    expect(JSON.parse(second.out)).toMatchObject({
      error: { code: 'ENVIRONMENT_BUSY', message: expect.stringContaining(String(first.pid)) },
    });
    const third = await cli.runKit('down', '--json');
    expect(third.exitCode, third.out).toBe(EXIT.UNKNOWN);
    expect(JSON.parse(third.out)).toMatchObject({
      error: { code: 'ENVIRONMENT_BUSY', message: expect.stringContaining(String(first.pid)) },
    });
    cli.expectNoFailures(await first.waitForExit(), 'first');
    await cli.expectNothingLeft(0);
    expect((await cli.runKit('analyze', 'second')).exitCode).toBe(EXIT.UNKNOWN);
  });
});
