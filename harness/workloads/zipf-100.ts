/**
 * Load test from requirements document 001: 100 queries with Zipf popularity, one after the other. Its hit ratio of
 * 95 % follows from a catalogue of 5 keys, so the size of the catalogue is part of the result.
 */
import { simulatedBackend } from './backend.ts';
import { defineWorkload, markWindow } from './generated.ts';
import { vectorKey } from './vector-key.ts';
import { zipfSampler } from './zipf.ts';

export const zipf100 = defineWorkload({
  name: 'zipf-100',
  finalRead: false,
  defaults: {
    queries: 100,
    catalogue: 5,
    zipfExponent: 1,
    backendFastestMs: 110,
    backendSlowestMs: 160,
    deadlineMs: 1_000,
  },
  async run(context) {
    const { adapter, clock, issuer, random, stopped } = context;
    const { parameters } = context;
    const { queries, catalogue, zipfExponent, deadlineMs } = parameters;
    const backend = simulatedBackend(random, parameters.backendFastestMs, parameters.backendSlowestMs);
    const rank = zipfSampler(catalogue, zipfExponent, random);
    markWindow(context, 'catalogue', { keys: catalogue, queries, exponent: zipfExponent });
    for (let i = 0; i < queries && !stopped.aborted; i++) {
      const n = rank();
      const key = vectorKey(context.client, context.tag, n);
      const value = `result-${n}`;
      const send = () => adapter.getOrCompute(key, () => backend(value));
      await issuer.issue(clock.nowUs(), {
        kind: 'getOrCompute',
        key,
        value,
        phase: 'cached',
        deadlineMs,
        send,
      });
    }
  },
});
