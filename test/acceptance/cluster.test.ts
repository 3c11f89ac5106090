/** A cluster on the command line: started twice, inspected, used for drills, cleaned up after a crash, and stopped. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { EXIT } from '../../config/errors.ts';
import type { EnvironmentView } from '../../scripts/environment-view.ts';
import { CliHarness } from '../support/cli-harness.ts';

const cli = new CliHarness();
afterAll(() => cli[Symbol.asyncDispose]());

function cluster(name: string): string {
  const document = parseDocument(readFileSync(resolve('config/environments/cluster.yaml'), 'utf8'));
  const settings = { name, 'redis.port': 26_350, 'cluster.busPort': 26_550, 'cluster.nodeTimeoutMs': 5_000 };
  for (const [path, value] of Object.entries(settings)) document.setIn(path.split('.'), value);
  return cli.writeFile(`${name}.yaml`, String(document));
}

const startEnvironment = async (file: string): Promise<EnvironmentView> => {
  const { exitCode, out, err } = await cli.runKit('up', '--env', file, '--json');
  expect({ exitCode, err }, out).toEqual({ exitCode: EXIT.GO, err: '' });
  return JSON.parse(out) as EnvironmentView;
};

describe('kit with a cluster', () => {
  const file = cluster('shards');

  it('starts a healthy cluster, and changes nothing the second time', async () => {
    const first = await startEnvironment(file);
    expect(first).toMatchObject({ healthy: true, master: null, shards: { length: 3 } });
    expect(await startEnvironment(file)).toEqual(first);
  });

  it('shows the owner of each slot range, and the master of each replica', async () => {
    const { exitCode, out } = await cli.runKit('status', '--env', file);
    expect(exitCode).toBe(EXIT.GO);
    expect(out).toMatch(/^shards: healthy\nredis-1 +\S+ +running, master of 0-5460 +Redis \d\S+ +pid \d+\n/);
    expect(out).toMatch(/^redis-6 +\S+ +running, replica of redis-3 +Redis \d\S+ +pid \d+$/m);
  });

  it('reports an unhealthy cluster when a node is down, and the next kit up repairs it', async () => {
    const { nodes } = await startEnvironment(file);
    await cli.killProcess(nodes[5]?.pid ?? 0);
    await cli.runKit('status', '--env', file).then(({ exitCode, out }) => {
      expect(exitCode).toBe(EXIT.NO_GO);
      expect(out).toMatch(/^shards: unhealthy/);
    });
    expect((await startEnvironment(file)).nodes.map(({ state }) => state)).toEqual(Array(6).fill('running'));
  });

  it('does not report a GO when nothing could be measured, and states what the drill requires', async () => {
    const { exitCode, out } = await cli.runKit(
      'drill',
      'master-crash',
      '--env',
      file,
      '--out',
      'run',
      '--json',
    );
    expect(exitCode, out).toBe(EXIT.UNKNOWN);
    const { verdict, trials } = cli.readReport('run');
    expect(verdict.decision).toBe('UNKNOWN');
    expect(trials.find(({ drill }) => drill === 'master-crash')).toMatchObject({
      status: 'not-measured',
      reason: expect.stringContaining('requires the topology sentinel; this environment is cluster'),
    });
  });

  it('runs the scripted drills, which read each key from the master of its shard', async () => {
    const asked = ['hit-miss', 'ttl-expiry', 'key-versioning', 'feature-flag'];
    const run = await cli.runKit('drill', ...asked, '--env', file, '--out', 'scripts');
    // Every run also reads facts about the nodes.
    expect(cli.expectNoFailures(run, 'scripts').trials.map(({ drill, status }) => [drill, status])).toEqual(
      ['configuration', ...asked].map((drill) => [drill, 'completed']),
    );
  });

  it('stops the cluster and leaves nothing behind', async () => {
    const { exitCode, out } = await cli.runKit('down', '--env', file);
    expect(exitCode).toBe(EXIT.GO);
    expect(out).toMatch(/^shards: stopped redis-1, redis-2, redis-3, redis-4, redis-5, redis-6;/);
    await cli.expectNothingLeft(0);
  });
});

describe('a kit that is killed while it forms a cluster', () => {
  it('leaves no process running, because its reaper stops the nodes', async () => {
    const starting = cli.start(['up', '--env', cluster('halfway')]);
    await starting.waitForProgress(/waiting until the cluster is healthy/);
    starting.kill('SIGKILL');
    await cli.expectNothingLeft();
  });
});
