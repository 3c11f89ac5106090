/**
 * `kit status` for an environment whose configuration or passwords changed after the deployment, and during a failover.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import type { SwitchoverReport } from '../../infra/operations/switchover.ts';
import type { EnvironmentView } from '../../scripts/environment-view.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { waitUntil } from '../support/redis-process.ts';

let cli: CliHarness;
let file: string;
let secrets: string;
beforeAll(async () => {
  cli = new CliHarness();
  file = cli.writeEnvironment('looked', { 'sentinel.downAfterMs': 3_000 });
  secrets = join(cli.path, '.kit', 'environments', 'looked', 'secrets.json');
  const { exitCode, err } = await cli.runKit('up', '--env', file);
  expect(exitCode, err).toBe(EXIT.GO);
});
afterAll(() => cli[Symbol.asyncDispose]());

async function viewOf(...args: string[]): Promise<EnvironmentView> {
  return JSON.parse((await cli.runKit('status', '--env', file, '--json', ...args)).out) as EnvironmentView;
}

describe('kit status', () => {
  it('shows the running nodes, and every setting that differs from the current configuration', async () => {
    const { exitCode, out } = await cli.runKit('status', '--env', file, '--set', 'redis.maxmemory=64mb');
    expect(exitCode, out).toBe(EXIT.GO);
    expect(out).toMatch(/^looked: healthy\nredis-1 .* running, master /);
    expect(out).toMatch(/\ndiffers: redis\.maxmemory: running with 268435456, configured as 67108864\n$/);
  });

  it('lists the watchdog, and reports the environment as healthy without it', async () => {
    const { watchdog } = await viewOf();
    expect(watchdog).toMatchObject({ state: 'running', pid: expect.any(Number) });
    expect(readFileSync(watchdog?.log ?? '', 'utf8')).toBeTypeOf('string');
    process.kill(Number(watchdog?.pid), 'SIGKILL');
    await waitUntil('the watchdog to have ended', async () => (await viewOf()).watchdog?.state === 'stopped');
    expect(await viewOf()).toMatchObject({ healthy: true, watchdog: { state: 'stopped', pid: null } });
    const { out } = await cli.runKit('status', '--env', file);
    expect(out).toMatch(/\nwatchdog +stopped\n/);
    expect(out).toContain(
      'watchdog: not running; without it, Sentinel demotes a deposed master to a replica about 10 s later. Run kit up to start it.',
    );
    expect((await cli.runKit('up', '--env', file)).exitCode).toBe(EXIT.GO);
    expect((await viewOf()).watchdog).toMatchObject({ state: 'running' });
  });

  it('shows the nodes if the secrets file is missing, reports that, and creates no new file', async () => {
    renameSync(secrets, `${secrets}.away`);
    try {
      const view = await viewOf();
      expect(view).toMatchObject({
        healthy: false,
        missing: 'the nodes cannot be queried without their passwords',
      });
      expect(view.nodes.map(({ state }) => state)).toEqual(Array(6).fill('running'));
      expect(view.differences).toEqual([`passwords: ${secrets} does not exist`]);
    } finally {
      renameSync(`${secrets}.away`, secrets);
    }
    expect((await viewOf()).healthy).toBe(true);
  });

  it('names the users whose password has changed, as does the error from kit up', async () => {
    const before = readFileSync(secrets, 'utf8');
    const changed = JSON.parse(before) as { redis: Record<string, string> };
    changed.redis.app = 'another-password-of-the-app';
    writeFileSync(secrets, JSON.stringify(changed));
    try {
      const view = await viewOf();
      expect(view.healthy).toBe(true);
      expect(view.differences).toEqual([expect.stringContaining("current password of Redis user 'app'")]);
      const up = await cli.runKit('up', '--env', file, '--json');
      expect(up.exitCode).toBe(EXIT.USAGE);
      expect(JSON.parse(up.out)).toMatchObject({
        error: {
          code: 'SECRETS_CHANGED',
          message: expect.stringContaining("Redis user 'app'"),
          where: secrets,
        },
      });
    } finally {
      writeFileSync(secrets, before);
    }
  });

  it('shows the roles after a failover', async () => {
    const { pid } = (await viewOf()).nodes[0] as EnvironmentView['nodes'][number];
    await cli.pauseProcess(Number(pid));
    const seen = new Set<string>();
    try {
      await waitUntil('a failover, and redis-1 as paused', async () => {
        const view = await viewOf();
        expect(view.healthy).toBe(false);
        expect(view.missing).toMatch(/^redis-1 is paused/);
        seen.add(view.missing ?? '');
        return view.master !== null;
      });
    } finally {
      process.kill(Number(pid), 'SIGCONT');
    }
    // test/infra/redis/role-state.test.ts tests which sentence belongs to which phase of a failover.
    for (const words of seen) expect(words).not.toMatch(/\d masters/);
    await waitUntil('redis-1 to be a replica again', async () => {
      const view = await viewOf();
      if (view.healthy) return true;
      expect(view.missing).not.toMatch(/\d masters/);
      return false;
    });
  });
});

describe('kit status of an environment that is not running', () => {
  it('reports that it is not running, and which substrate cannot be inspected', async () => {
    const { exitCode, out } = await cli.runKit('status', '--env', 'single');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(/^single: not running\n(docker: cannot be queried: .*\n)?$/);
  });
});

describe('kit switchover', () => {
  it('promotes a replica, and the previous master follows it', async () => {
    const { master } = await viewOf();
    const { exitCode, out, err } = await cli.runKit('switchover', '--env', file, '--json');
    expect(exitCode, out + err).toBe(EXIT.GO);
    const report = JSON.parse(out) as SwitchoverReport & { readonly environment: string };
    expect(report).toMatchObject({ environment: 'looked', from: master });
    await waitUntil('the environment to be healthy', async () => (await viewOf()).healthy);
    expect(await viewOf()).toMatchObject({ master: report.to });
  });

  it('refuses while a replica is paused, and changes nothing', async () => {
    const { nodes, master } = await viewOf();
    const replica = nodes.find(({ id }) => id !== master && id.startsWith('redis')) as (typeof nodes)[number];
    await cli.pauseProcess(Number(replica.pid));
    try {
      const { exitCode, out } = await cli.runKit('switchover', '--env', file, '--json');
      expect(exitCode, out).toBe(EXIT.UNKNOWN);
      expect(JSON.parse(out)).toMatchObject({
        error: { code: 'SWITCHOVER_FAILED', message: `switchover refused: ${replica.id} is paused` },
      });
    } finally {
      process.kill(Number(replica.pid), 'SIGCONT');
    }
    await waitUntil('all nodes to be healthy', async () => (await viewOf()).healthy);
    expect((await viewOf()).master).toBe(master);
  });

  it('requires a shard only for a cluster, and reports an environment that is not running', async () => {
    const shard = await cli.runKit('switchover', '--env', file, '--shard', 'redis-1');
    expect(shard).toMatchObject({ exitCode: EXIT.USAGE, out: '' });
    expect(shard.err).toContain("--shard requires a cluster; 'looked' has one master");
    const absent = await cli.runKit('switchover', '--env', 'single', '--substrate', 'local');
    expect(absent).toMatchObject({ exitCode: EXIT.NO_GO, out: '' });
    expect(absent.err).toContain("environment 'single' is not running");
  });
});
