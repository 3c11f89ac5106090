import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../client/api/errors.ts';
import type { CacheContext } from '../../../client/cache/cache-context.ts';
import { Fallback } from '../../../client/cache/fallback.ts';
import { resolveCache } from '../../../client/cache/options.ts';
import { Reader } from '../../../client/cache/reader.ts';
import { encodeEnvelope } from '../../../client/codec/envelope.ts';
import { waitUntil } from '../../support/redis-process.ts';

describe('a read that fills the first tier', () => {
  it('leaves no unfinished fill behind after any kind of failure', async () => {
    let open = 0;
    const fill = () => {
      open += 1;
      return {
        end: () => {
          open -= 1;
        },
      };
    };
    const refused = new CommandError('NOPERM no');
    const tagged = encodeEnvelope(1, { tags: [{ id: '0'.repeat(16), version: '1'.repeat(16) }] });
    let answer: () => Promise<(Buffer | null)[]> = () => Promise.reject(refused);
    const context = {
      options: resolveCache({}),
      fallback: new Fallback(10, () => new Promise(() => {})),
      remote: { getMany: () => answer() },
      local: { get: () => undefined, begin: fill },
      tags: { current: () => Promise.reject(refused) },
      codecs: resolveCache({}).codecs,
      physical: (key: string) => `ns:${key}`,
    } as unknown as CacheContext;
    await expect(new Reader(context).readMany(['a', 'b'])).rejects.toBe(refused);
    answer = () => Promise.resolve([tagged]);
    await expect(new Reader(context).readMany(['a'])).rejects.toBe(refused);
    expect(open).toBe(0);
  });
});

describe('a read in flight during a failover', () => {
  // The test uses stubs, because a test cannot control when a real master replies.
  it('does not restore a key whose deletion the new master never received', async () => {
    let answer = (_: Buffer): void => {};
    const fallback = new Fallback(10, () => new Promise(() => {}));
    const context = {
      options: resolveCache({}),
      fallback,
      remote: { get: () => new Promise<Buffer>((resolve) => (answer = resolve)) },
      codecs: resolveCache({}).codecs,
      physical: (key: string) => `ns:${key}`,
    } as unknown as CacheContext;
    const reading = new Reader(context).read('k');
    fallback.journal.acknowledged(['ns:k']);
    fallback.journal.noticed({
      type: 'moved',
      from: { host: '127.0.0.1', port: 1 },
      to: { host: '127.0.0.1', port: 2 },
      reason: 'failover',
    } as never);
    answer(encodeEnvelope('deleted'));
    expect(await reading).toMatchObject({ kind: 'absent', source: 'memory' });
    fallback.stop();
  });

  // With several connections, a merged reply waits for the slowest one, so part of it can be older than a replay over
  // the same connection.
  it.each([
    ['get', (reader: Reader) => reader.lookup('k').then(({ found }) => found)],
    ['getMany', (reader: Reader) => reader.found(['k', 'other']).then((found) => found.has('k'))],
    [
      'lookupMany',
      (reader: Reader) => reader.lookupMany(['k', 'other']).then(([first]) => first?.found === true),
    ],
  ])('does not restore a deleted key from a reply that %s receives after the replay', async (_, isFound) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const fallback = new Fallback(10, async () => {});
    const deleted = encodeEnvelope('deleted');
    const parts = {
      options: resolveCache({}),
      fallback,
      statistics: { hits: 0, misses: 0 },
      remote: { get: () => promise.then(() => deleted), getMany: () => promise.then(() => [deleted, null]) },
      codecs: resolveCache({}).codecs,
      physical: (key: string) => `ns:${key}`,
    } as unknown as CacheContext;
    const reader = new Reader(parts);
    const answer = isFound(reader);
    fallback.remember(['ns:k']);
    fallback.recover();
    await waitUntil('the deletion is replayed', () => !fallback.pending);
    // A read that starts after the replay returns the value of its reply.
    const later = isFound(reader);
    resolve();
    expect(await Promise.all([answer, later])).toEqual([false, true]);
    fallback.stop();
  });
});
