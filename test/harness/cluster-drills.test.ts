/** The cluster drills on a real cluster: faults, the final read per shard, and the findings of the checkers. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trialCheckers } from '../../harness/checkers/index.ts';
import type { ClientName } from '../../harness/drills/clients.ts';
import type { Drill } from '../../harness/drills/drill.ts';
import { drills } from '../../harness/drills/index.ts';
import { openClock } from '../../harness/history/clock.ts';
import type { History } from '../../harness/history/events.ts';
import { parseHistory } from '../../harness/history/parse.ts';
import { requiredExpectations } from '../../harness/judge/obligations.ts';
import { openMachineWatch } from '../../harness/samplers/machine/index.ts';
import { runTrial } from '../../harness/trial/index.ts';
import { moveSlots, restoreSlots } from '../../infra/operations/slot-migration.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { clusterConfiguration } from '../infra/substrates/local/fixtures.ts';
import { drillNamed, isMet } from './trial/builders.ts';

const configuration = clusterConfiguration('drilled');
const clock = openClock();
let root: string;
let environment: Environment;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cluster-trial-'));
  const substrate = localSubstrate({ stateDir: join(root, 'state') });
  environment = await substrate.apply(planTopology(configuration), { ephemeral: true });
});
afterAll(async () => {
  await environment?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const shards = async () => (await environment.cluster?.shards()) ?? [];

/** One trial of a drill, with the kit's client and the stock client in parallel. */
async function trialOf(id: string): Promise<History> {
  const drill = drills.find((each) => each.id === id) as Drill;
  const [fault] = drill.faults;
  const dir = mkdtempSync(join(root, 'run-'));
  await using machine = openMachineWatch();
  const record = await runTrial({
    drill: { ...drill, faults: fault ? [{ ...fault, atMs: 1_000 }] : [] },
    ...{ trial: 1, environment, dir, machine, seed: 1, clock, profile: 'quick' },
  });
  expect(record, record.reason).toMatchObject({ status: 'completed' });
  const texts = record.files.map((path) => ({ path, text: readFileSync(join(dir, path), 'utf8') }));
  return parseHistory(texts).history;
}

/** Result of a checker for a client. */
function findResult(history: History, checker: string, client: ClientName = 'kit') {
  const context = { environment: configuration, drill: 'x', trial: 1, client };
  const finding = trialCheckers.find(({ id }) => id === checker)?.check(history, context);
  const figures = Object.entries(finding?.figures ?? {}).map(([name, figure]) => [
    name,
    figure.kind === 'value' ? figure.value : undefined,
  ]);
  return { ...finding, figures: Object.fromEntries(figures) as Readonly<Record<string, number>> };
}

describe('the drill that moves slots away and back under load', () => {
  let history: History;
  beforeAll(async () => {
    history = await trialOf('cluster-slot-migration');
  });

  it('records the moved slots and keys, and the healing', () => {
    expect(history.faults.map(({ phase }) => phase)).toEqual(['inject', 'injected', 'heal', 'healed']);
    const [, injected] = history.faults;
    expect(injected).toMatchObject({ phase: 'injected', node: 'redis-1', shard: 'redis-1' });
    expect(injected?.detail).toMatch(/^\d+ slots with [1-9]\d* keys from redis-1 to redis-2 in \d+ ms$/);
  });

  it('returns every slot to its shard', async () => {
    expect((await shards()).map(({ slots }) => slots)).toEqual([
      [[0, 5460]],
      [[5461, 10_922]],
      [[10_923, 16_383]],
    ]);
  });

  it('reads the keys of each shard from every node of the shard', async () => {
    expect(new Set(history.finals.map(({ node }) => node)).size).toBe(6);
    for (const { shard, entries } of history.finals) {
      const own = (await shards()).find(({ master }) => master === shard)?.slots[0] ?? [0, -1];
      expect(entries.every(([key]) => own[0] <= keySlot(key) && keySlot(key) <= own[1])).toBe(true);
    }
  });

  it('loses no writes from either client', () => {
    expect(findResult(history, 'lost-writes')).toMatchObject({ validity: 'valid', figures: { lost: 0 } });
    expect(findResult(history, 'lost-writes', 'ioredis')).toMatchObject({ figures: { lost: 0 } });
  });

  it('finds no write applied twice, no difference between replicas, and no client that stopped working', () => {
    expect(findResult(history, 'double-applies').figures).toMatchObject({
      doubleApplied: 0,
      failedButApplied: 0,
    });
    expect(findResult(history, 'consistency').figures).toMatchObject({ differences: 0 });
    expect(findResult(history, 'recovery').validity).toBe('valid');
    expect(findResult(history, 'liveness').figures).toMatchObject({ deadClients: 0 });
  });
});

describe('the drill that restores a backup', () => {
  it('finds the archived keys in every shard, and the same roles', async () => {
    const history = await trialOf('backup-restore');
    const { expectations } = history;
    expect(expectations.filter((expectation) => !isMet(expectation))).toEqual([]);
    const digests = expectations.find(({ id }) => id === 'restored/digest')?.expected;
    expect(new Set(digests as readonly string[]).size).toBe(3);
    const place = { environment: configuration, substrate: 'local' };
    const declared = requiredExpectations(drillNamed('backup-restore'), place);
    expect(expectations.map(({ id }) => id).toSorted()).toEqual(declared.toSorted());
    expect(findResult(history, 'consistency').figures).toMatchObject({ differences: 0 });
  });

  it('detects a key that differs from the archive, because another client wrote it', async () => {
    const owner = (await shards()).find(({ slots: [range] }) => (range?.[1] ?? 0) >= keySlot('foreign'));
    const master = await environment.admin(owner?.master ?? '');
    const writing = setInterval(() => void master.incr('foreign').catch(() => undefined), 20);
    try {
      const { expectations } = await trialOf('backup-restore');
      const missed = expectations.filter((expectation) => !isMet(expectation)).map(({ id }) => id);
      expect(missed).toContain('restored/digest');
    } finally {
      clearInterval(writing);
      await master.unlink('foreign');
    }
  });
});

describe('the drill that kills a master', () => {
  let history: History;
  beforeAll(async () => {
    history = await trialOf('cluster-master-crash');
  });
  afterAll(() => restoreSlots(environment));

  it("leads to exactly one promotion, of one of the master's replicas", async () => {
    const roles = history.observations.filter(({ from, name }) => from === 'info' && name === 'role');
    const promoted = roles.filter(({ node, data }) => node === 'redis-4' && data?.role === 'master');
    expect(promoted).toHaveLength(1);
    expect((await shards())[0]).toMatchObject({ master: 'redis-4', replicas: ['redis-1'] });
  });

  it('loses no durable write, and no async write outside the window', () => {
    expect(findResult(history, 'lost-writes')).toMatchObject({
      validity: 'valid',
      figures: { asyncLostBeyondWindow: 0, durableLost: 0, durableUnconfirmed: 0 },
    });
    expect(findResult(history, 'stale-acks').validity).not.toBe('unknown');
  });

  it('measures the gap in the shard of the killed master', () => {
    const { recoveryMs = 0, writeGapMs = 0 } = findResult(history, 'recovery').figures;
    // The node timeout of this environment is 3 s, so a promotion is not possible any earlier.
    expect(recoveryMs).toBeGreaterThan(2_700);
    expect(writeGapMs).toBeGreaterThan(2_700);
  });
});

describe('slot migration', () => {
  it('completes an interrupted move, and returns the keys and the slot', async () => {
    const [first, second] = await shards();
    const [from, to] = [first?.master ?? '', second?.master ?? ''];
    const source = await environment.admin(from);
    const target = await environment.admin(to);
    const slot = keySlot('{06S}:half');
    await source.set('{06S}:half', 'value');
    await source.set('{06S}:other', 'value');
    const ids = [await source.cluster('MYID'), await target.cluster('MYID')];
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(ids[0]));
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(ids[1]));
    expect(await restoreSlots(environment)).toBe(2);
    expect((await shards())[0]?.slots).toEqual([[0, 5460]]);
    expect(await source.mget('{06S}:half', '{06S}:other')).toEqual(['value', 'value']);
    expect(await restoreSlots(environment)).toBe(0);
  });

  it('rejects a node that is not a master, and stops between two slots when aborted', async () => {
    const [first, second] = await shards();
    const { master: from = '', replicas = [] } = first ?? {};
    const to = second?.master ?? '';
    await expect(moveSlots(environment, { from, to: replicas[0] ?? '', slots: [1] })).rejects.toMatchObject({
      code: 'NO_SUCH_MASTER',
    });
    const moved = await moveSlots(environment, { from, to, slots: [1, 2] }, AbortSignal.abort());
    expect(moved).toMatchObject({ slots: 0, keys: 0 });
  });
});
