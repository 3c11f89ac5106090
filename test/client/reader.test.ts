import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../client/envelope.ts';
import { Fallback } from '../../client/fallback.ts';
import { resolveCache } from '../../client/options.ts';
import type { Parts } from '../../client/parts.ts';
import { Reader } from '../../client/reader.ts';

describe('a read that was asked before a failover', () => {
  // Stubs: a real master answers it in a moment that no test can choose.
  it('does not bring back what its new master was never told is deleted', async () => {
    let answer = (_: Buffer): void => {};
    const fallback = new Fallback(10, () => new Promise(() => {}));
    const parts = {
      options: resolveCache({}),
      fallback,
      remote: { get: () => new Promise<Buffer>((resolve) => (answer = resolve)) },
      codecs: resolveCache({}).codecs,
      physical: (key: string) => `ns:${key}`,
    } as unknown as Parts;
    const reading = new Reader(parts).read('k');
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
});
