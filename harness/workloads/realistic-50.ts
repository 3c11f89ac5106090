/**
 * Realistic benchmark from requirements document 001: 50 vector searches over a catalogue of 10, once without a cache
 * and once with it, one after the other as in the document. Its hit ratio of 80 % follows from 10 keys in 50 queries,
 * because each key is computed once.
 */

import { simulatedBackend } from './backend.ts';
import { defineWorkload, markWindow } from './generated.ts';
import { vectorKey } from './vector-key.ts';

export const realistic50 = defineWorkload({
  name: 'realistic-50',
  finalRead: false,
  defaults: { queries: 50, catalogue: 10, backendFastestMs: 120, backendSlowestMs: 180, deadlineMs: 1_000 },
  async run(context) {
    const { adapter, clock, issuer, random, stopped } = context;
    const { queries, catalogue, backendFastestMs, backendSlowestMs, deadlineMs } = context.parameters;
    const backend = simulatedBackend(random, backendFastestMs, backendSlowestMs);
    const order = random.shuffle(Array.from({ length: queries }, (_, i) => i % catalogue));
    markWindow(context, 'catalogue', { keys: catalogue, queries });

    const query = (n: number, phase: 'uncached' | 'cached') => {
      const key = vectorKey(context.client, context.tag, n);
      const value = `result-${n}`;
      const load = () => backend(value);
      const send =
        phase === 'cached'
          ? () => adapter.getOrCompute(key, load)
          : async () => ({ source: 'loader' as const, value: await load() });
      return issuer.issue(clock.nowUs(), { kind: 'getOrCompute', key, value, phase, deadlineMs, send });
    };
    for (const phase of ['uncached', 'cached'] as const) {
      const startUs = clock.nowUs();
      markWindow(context, 'phase', { phase });
      for (const n of order) {
        if (stopped.aborted) return;
        await query(n, phase);
      }
      markWindow(context, 'phase-end', { phase, tookMs: (clock.nowUs() - startUs) / 1_000 });
    }
  },
});
