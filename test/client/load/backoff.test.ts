import { expect, it } from 'vitest';
import { Backoff } from '../../../client/load/backoff.ts';

it.each([1000, 60_000])(
  'a key is skipped for %i ms after a failure, and for twice as long after each subsequent failure, up to 30 s',
  (firstMs) => {
    let at = 0;
    const backoff = new Backoff(() => at);
    let restMs = firstMs;
    for (let failures = 0; failures < 8; failures++) {
      backoff.failed('k', firstMs);
      at += restMs - 1;
      expect(backoff.isResting('k')).toBe(true);
      at += 1;
      expect(backoff.isResting('k')).toBe(false);
      restMs = Math.min(restMs * 2, Math.max(30_000, firstMs));
    }
    backoff.failed('k', firstMs);
    backoff.succeeded('k');
    expect(backoff.isResting('k')).toBe(false);
    backoff.failed('k', firstMs);
    at += firstMs;
    expect(backoff.isResting('k')).toBe(false);
  },
);
