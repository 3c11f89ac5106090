/**
 * Compare-and-write with plain commands: the contents of a transaction, the reasons for splitting it, and its results.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Change, type Command, Transactions } from '../../client/functions/transactions.ts';
import { resolveConnection } from '../../client/options/connection-options.ts';
import type { CacheConnection } from '../../client/transport/cache-connection.ts';
import { openConnection } from '../../client/transport/index.ts';
import { RedisProcess, waitUntil } from '../support/redis-process.ts';
import { recordCommands } from './load/lease-party.ts';

let redis: RedisProcess;
let connection: CacheConnection;
let transactions: Transactions;
beforeAll(async () => {
  redis = await RedisProcess.start();
});
beforeEach(async () => {
  await redis.admin().flushall();
  await open();
});
afterEach(async () => {
  redis.resume();
  await connection.close();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function open(rules?: readonly string[]): Promise<void> {
  if (rules) await redis.admin().call('ACL', 'SETUSER', 'u', 'reset', 'on', '>u', ...rules);
  const user = rules && { username: 'u', password: 'u' };
  connection = openConnection(resolveConnection({ mode: 'standalone', address: redis.address, ...user }));
  transactions = new Transactions(connection);
  await connection.call('GET', 'k:any');
  // The first transaction of a connection detects whether EXEC is allowed.
  await transactions.run({ keys: ['k:any'], looks: [], decide: () => undefined });
}

const keys = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `k:${i}`);
/** Sets the key to `value` if it is absent. `before` is called between the read and the write. */
const create = (key: string, value: string, before?: () => void): Change => ({
  keys: [key],
  looks: [['GET', key]],
  decide: ([found]) => {
    before?.();
    return found === null ? [['SET', key, value]] : undefined;
  },
});
/** Returns a function that runs the work only on its first call. */
function onFirstCall(work: () => unknown): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

describe('a transaction', () => {
  it('contains all changes made in one tick, and changes that arrive meanwhile go into the next one', async () => {
    const sent = await recordCommands(redis.admin(), async () => {
      const early = keys(50).map((key) => transactions.run(create(key, 'v')));
      const later = early[0]?.then(() =>
        Promise.all(keys(80).map((key) => transactions.run(create(key, 'w')))),
      );
      expect(await Promise.all(early)).toEqual(keys(50).map(() => true));
      expect(await later).toEqual([...keys(50).map(() => false), ...keys(30).map(() => true)]);
    });
    const count = (name: string): number => sent.filter((each) => each === name).length;
    expect([count('WATCH'), count('MULTI'), count('EXEC')]).toEqual([2, 2, 2]);
    expect(await redis.admin().mget('k:0', 'k:79')).toEqual(['v', 'w']);
  });

  it('contains each key once, so the second change to a key reads the result of the first', async () => {
    const both = ['a', 'b'].map((value) => transactions.run(create('k:0', value)));
    expect(await Promise.all(both)).toEqual([true, false]);
    expect(await redis.admin().get('k:0')).toBe('a');
  });

  it('is limited in the number of keys', async () => {
    const sent = await recordCommands(redis.admin(), () =>
      Promise.all(keys(401).map((key) => transactions.run(create(key, 'v')))),
    );
    expect(sent.filter((name) => name === 'EXEC')).toHaveLength(3);
  });

  it('does not write keys that another client changed, but writes all other keys', async () => {
    const change = onFirstCall(() => void connection.request('SET', ['k:3', 'theirs']));
    const results = await Promise.all(keys(10).map((key) => transactions.run(create(key, 'v', change))));
    expect(results).toEqual(keys(10).map((key) => key !== 'k:3'));
    expect(await redis.admin().get('k:3')).toBe('theirs');
  });

  it('is retried a bounded number of times if a key changes continually', async () => {
    let changes = 0;
    const restless: Change = {
      ...create('k:0', 'v'),
      decide: () => {
        changes += 1;
        void connection.request('SET', ['k:0', `theirs ${changes}`]);
        return [['SET', 'k:0', 'v']];
      },
    };
    expect(await transactions.run(restless)).toBe(false);
    expect([changes, await redis.admin().get('k:0')]).toEqual([3, 'theirs 3']);
  });

  it('is split when one change is rejected: other changes are written, and the caller gets the reason', async () => {
    await connection.close();
    await open(['~k:*', '+@all']);
    const changes = [...keys(9), 'other:1'].map((key) => transactions.run(create(key, 'v')));
    const results = await Promise.allSettled(changes);
    expect(results.slice(0, 9).map(({ status }) => status)).toEqual(keys(9).map(() => 'fulfilled'));
    await expect(changes[9]).rejects.toMatchObject({ code: 'NOPERM', outcome: 'not-applied' });
    expect(await redis.admin().exists(...keys(9))).toBe(9);
  });

  it('gives each change the outcome of its own write', async () => {
    await redis.admin().lpush('k:list', 'x');
    const append: Change = {
      keys: ['k:list'],
      looks: [],
      decide: () => [['APPEND', 'k:list', 'x'] as Command],
    };
    const [good, bad] = [transactions.run(create('k:0', 'v')), transactions.run(append)];
    await expect(bad).rejects.toMatchObject({ code: 'WRONGTYPE' });
    expect(await good).toBe(true);
  });

  it('is rejected as a whole by a full server, without being split', async () => {
    await redis.admin().config('SET', 'maxmemory', '1');
    try {
      const sent = await recordCommands(redis.admin(), () =>
        Promise.allSettled(keys(20).map((key) => transactions.run(create(key, 'v')))),
      );
      expect(sent.filter((name) => name === 'WATCH')).toHaveLength(1);
      await expect(transactions.run(create('k:0', 'v'))).rejects.toMatchObject({ code: 'OOM' });
    } finally {
      await redis.admin().config('SET', 'maxmemory', '0');
    }
    expect(await transactions.run(create('k:0', 'v'))).toBe(true);
  });

  it('writes nothing after its connection is replaced', async () => {
    const cut = onFirstCall(() => connection.current()?.stream.destroy());
    const lost = transactions.run(create('k:0', 'v', cut));
    await expect(lost).rejects.toThrowError();
    await waitUntil('the connection is ready again', () => connection.state.kind === 'ready');
    expect(await redis.admin().exists('k:0')).toBe(0);
    expect(await transactions.run(create('k:0', 'v'))).toBe(true);
  });

  it('is replaced by plain comparisons and writes if WATCH or MULTI is denied', async () => {
    for (const denied of ['-watch', '-multi', '-@transaction']) {
      await redis.admin().flushall();
      await connection.close();
      await open(['~k:*', '+@all', denied]);
      await Promise.all(keys(5).map((key) => transactions.run(create(key, 'v'))));
      expect([denied, await redis.admin().exists(...keys(5))]).toEqual([denied, 5]);
      const results = await Promise.all(['k:0', 'k:new'].map((key) => transactions.run(create(key, 'w'))));
      expect([denied, results]).toEqual([denied, [false, true]]);
    }
  });
});
