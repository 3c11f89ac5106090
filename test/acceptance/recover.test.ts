/** `kit recover`: shows the data of each node after all nodes have stopped, and starts from the selected one. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { waitUntil } from '../support/redis-process.ts';

let cli: CliHarness;
let file: string;
beforeAll(async () => {
  cli = new CliHarness();
  file = cli.writeEnvironment('fallen', { 'redis.appendfsync': 'always' });
  const { exitCode, err } = await cli.runKit('up', '--env', file);
  expect(exitCode, err).toBe(EXIT.GO);
});
afterAll(() => cli[Symbol.asyncDispose]());

describe('kit recover', () => {
  it('refuses while nodes run, and names them', async () => {
    const { exitCode, out } = await cli.runKit('recover', '--env', file, '--json');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'RECOVERY_REFUSED', message: "redis-1, redis-2, redis-3 of 'fallen' are running" },
    });
  });

  it('shows the data of each node, and which node kit up starts from', async () => {
    const processes = Object.values(cli.readLedger('fallen')?.processes ?? {});
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    await waitUntil('all nodes to have ended', () => cli.listProcesses().length === 0);
    rmSync(join(cli.path, '.kit/environments/fallen/redis-1/data'), { recursive: true });
    const { exitCode, out, err } = await cli.runKit('recover', '--env', file);
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toMatch(
      /^fallen: start from redis-2: the last known master is redis-1; redis-1 has no data\n/,
    );
    expect(out).toMatch(
      /\n {2}redis-1 has no data \(last known master\)\n {2}redis-2 has \d+ bytes in its append-only file/,
    );
    expect(out.endsWith(`\nfix: kit up --env ${file} starts from it\n`)).toBe(true);
    const json = JSON.parse((await cli.runKit('recover', '--env', file, '--json')).out);
    expect(json).toMatchObject({
      environment: 'fallen',
      groups: [{ named: 'redis-1', choice: { nodeId: 'redis-2' } }],
    });
  });

  it('rejects a node without data and a node that does not exist', async () => {
    for (const [node, code, says] of [
      ['redis-1', 'RECOVERY_REFUSED', /^cannot start from redis-1: redis-1 has no data$/],
      ['redis-9', 'NODE_UNKNOWN', /must be a Redis node of the environment: redis-1, redis-2, redis-3$/],
    ] as const) {
      const { exitCode, out } = await cli.runKit('recover', '--env', file, '--from', node, '--json');
      expect(exitCode).toBe(EXIT.USAGE);
      expect(JSON.parse(out)).toMatchObject({ error: { code, message: expect.stringMatching(says) } });
    }
    expect(cli.listProcesses()).toEqual([]);
  });

  it('starts from the named node, and moves the data of the other nodes aside', async () => {
    const { exitCode, out, err } = await cli.runKit('recover', '--env', file, '--from', 'redis-3');
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toMatch(/^fallen: healthy\n/);
    expect(out).toMatch(/\nredis-3 .* running, master /);
    expect(err).toMatch(/the data of redis-2 is kept as \S+data\.\d{8}T\d{6}\.\d{3}Z/);
  });

  it('changes nothing when no environment with that name was started', async () => {
    const { exitCode, out } = await cli.runKit('recover', '--env', 'single', '--json');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'ENVIRONMENT_NOT_FOUND' } });
  });
});
