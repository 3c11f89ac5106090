/**
 * Environments whose nodes are all down, and whose recorded master has lost its data or has less data than a replica.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { nodesOf, planTopology, type Topology } from '../../../../infra/topology.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { configuration, type StateDir, temporaryStateDir } from './fixtures.ts';

const KEYS = 500;
let state: StateDir;
let topology: Topology;
let said: string[];
let environment: Environment;

beforeEach(() => {
  state = temporaryStateDir();
  said = [];
});
afterEach(async () => {
  await environment?.[Symbol.asyncDispose]();
  await localSubstrate({ stateDir: state.path }).destroy('lost');
  state[Symbol.dispose]();
});

const substrate = () => localSubstrate({ stateDir: state.path });

/** Starts an environment with `KEYS` writes that both replicas have acknowledged. */
async function withData(change: Partial<EnvironmentConfig['redis']> = {}): Promise<void> {
  topology = planTopology(configuration('lost', { appendfsync: 'always', ...change }));
  environment = await substrate().apply(topology, { ephemeral: false });
  await write('key', KEYS);
}

async function write(prefix: string, count: number): Promise<void> {
  const master = await environment.admin((await environment.masterId()) ?? '');
  for (let i = 0; i < count; i += 1) await master.set(`${prefix}:${i}`, `value ${i}`);
  await replicated(master, 2);
}

/** Kills all nodes, to simulate a power failure. */
async function killAll(only: (id: string) => boolean = () => true): Promise<void> {
  const sentinelsFirst = [...nodesOf(topology)].reverse();
  for (const { id } of sentinelsFirst) if (only(id)) await environment.capabilities.kill?.(id);
}

async function up(recoverFrom?: string): Promise<void> {
  await environment[Symbol.asyncDispose]();
  const options = { ephemeral: false, progress: (line: string) => said.push(line) };
  environment = await substrate().apply(
    topology,
    recoverFrom === undefined ? options : { ...options, recoverFrom },
  );
}

const dataOf = (id: string) => join(state.path, 'environments', 'lost', id, 'data');
const appendOnly = (id: string) => {
  const dir = join(dataOf(id), 'appendonlydir');
  return join(dir, readdirSync(dir).find((name) => name.endsWith('.incr.aof')) ?? '');
};

/** Overwrites the header of a command in the middle of the file. */
function corrupt(path: string): void {
  const text = readFileSync(path, 'latin1');
  const at = text.indexOf('*3\r\n', Math.floor(text.length / 2));
  writeFileSync(path, `${text.slice(0, at)}X${text.slice(at + 1)}`, 'latin1');
}

async function allHave(keys: number): Promise<void> {
  for (const { id } of topology.redis) {
    await waitUntil(
      `${keys} keys on ${id}`,
      async () => (await (await environment.admin(id)).dbsize()) === keys,
    );
  }
}

describe('kit up after all nodes have stopped', () => {
  it('starts from a replica if the named master has lost its data', async () => {
    await withData();
    await killAll();
    rmSync(dataOf('redis-1'), { recursive: true });
    await up();
    expect(await environment.masterId()).not.toBe('redis-1');
    await allHave(KEYS);
    expect(said.join('\n')).toMatch(
      /starting from the data of redis-2: the last known master is redis-1; redis-1 has no data/,
    );
  });

  it('starts from a replica if the append-only file of the named master is corrupt, and keeps that file', async () => {
    await withData();
    await killAll();
    corrupt(appendOnly('redis-1'));
    await up();
    expect(await environment.masterId()).not.toBe('redis-1');
    await allHave(KEYS);
    const kept = readdirSync(join(state.path, 'environments', 'lost', 'redis-1')).filter((name) =>
      name.startsWith('data.'),
    );
    expect(kept).toHaveLength(1);
    expect(said.join('\n')).toMatch(
      /redis-1 is damaged: appendonly\.aof\.\d+\.incr\.aof: .* after \d+ valid bytes/,
    );
  });

  it('loses no key that WAIT acknowledged if redis-check-aof truncated the file of the named master', async () => {
    await withData();
    await killAll();
    const file = appendOnly('redis-1');
    corrupt(file);
    execFileSync('redis-check-aof', ['--fix', file], { input: 'y\n', stdio: ['pipe', 'ignore', 'ignore'] });
    await up();
    expect(await environment.masterId()).not.toBe('redis-1');
    await allHave(KEYS);
    expect(said.join('\n')).toMatch(/the last known master is redis-1; redis-2(?: and redis-3)? has more/);
  });

  it('starts from the replica with more data if sentinels are still running and the other replica was isolated', async () => {
    await withData();
    const heal = await environment.capabilities.pause?.('redis-2');
    const master = await environment.admin('redis-1');
    for (let i = 0; i < 100; i += 1) await master.set(`later:${i}`, 'value');
    await replicated(master, 1);
    await killAll((id) => id.startsWith('redis-'));
    await heal?.();
    rmSync(dataOf('redis-1'), { recursive: true });
    await up();
    expect(await environment.masterId()).toBe('redis-3');
    await allHave(KEYS + 100);
  });

  it('starts from the named master when no node has more data, and when the nodes have only snapshots', async () => {
    await withData({ appendonly: false });
    const later = await environment.admin('redis-3');
    await (await environment.admin('redis-1')).save();
    await (await environment.admin('redis-2')).save();
    await write('later', 50);
    await later.save();
    await killAll();
    await up();
    // redis-3 saved last, so its snapshot is the most recent one.
    expect(await environment.masterId()).toBe('redis-3');
    await allHave(KEYS + 50);
  });

  it("starts nothing if it is not proven which node has more data, and then follows the user's choice", async () => {
    await withData();
    await killAll();
    // The base was written at another time, and the files have no command in common.
    const [one, two] = [appendOnly('redis-2'), appendOnly('redis-3')];
    rmSync(dataOf('redis-1'), { recursive: true });
    writeFileSync(one, '');
    const text = readFileSync(two, 'latin1');
    writeFileSync(one, commands('other', 30));
    writeFileSync(two, text);
    const before = await environment.status();
    await expect(up()).rejects.toMatchObject({
      code: 'RECOVERY_UNDECIDED',
      message: expect.stringMatching(
        /cannot determine which of redis-2 and redis-3 has more data \(redis-2: 30 keys, redis-3: 500 keys\)$/,
      ),
      hint: expect.stringContaining('--from redis-2 or redis-3'),
    });
    expect(await environment.status()).toEqual(before);
    const found = await substrate().inspectData?.(topology);
    expect(found).toMatchObject([
      { named: 'redis-1', choice: { kind: 'ask', candidates: ['redis-2', 'redis-3'] } },
    ]);
    await up('redis-3');
    expect(await environment.masterId()).toBe('redis-3');
    await allHave(KEYS);
    expect(existsSync(dataOf('redis-2'))).toBe(true);
    expect(said.join('\n')).toMatch(
      /the data of redis-2 is kept as .*data\.\d{8}T\d{6}\.\d{3}Z; the node copies the data of the master/,
    );
    await expect(up('redis-2')).rejects.toMatchObject({
      code: 'RECOVERY_REFUSED',
      message: 'redis-3 is a running master: its replicas copy its data',
    });
    await expect(substrate().inspectData?.(topology)).rejects.toMatchObject({ code: 'RECOVERY_REFUSED' });
  });

  it('names the damaged data if no data is usable, and removes nothing', async () => {
    await withData();
    await killAll();
    for (const { id } of topology.redis) corrupt(appendOnly(id));
    await expect(up()).rejects.toMatchObject({
      code: 'DATA_DAMAGED',
      message: expect.stringMatching(/redis-1 is damaged: .*redis-2 is damaged: .*redis-3 is damaged/),
      hint: expect.stringContaining('Damaged or lost data'),
    });
    for (const { id } of topology.redis) expect(existsSync(appendOnly(id))).toBe(true);
  });
});

describe('a replica whose server cannot load its data', () => {
  it('starts without its data, and copies the data of the running master', async () => {
    await withData();
    await killAll((id) => id === 'redis-3');
    corrupt(appendOnly('redis-3'));
    await up();
    await allHave(KEYS);
    expect(said.join('\n')).toMatch(/the data of redis-3 is kept as/);
    expect(await environment.masterId()).toBe('redis-1');
  });
});

function commands(prefix: string, count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const words = ['SET', `${prefix}:${i}`, 'value'];
    return `*3\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
  }).join('');
}
