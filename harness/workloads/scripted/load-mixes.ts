/**
 * Measures YCSB A, B, C and F, a hot key, batches of 100 keys and bursts of 100 concurrent operations, each as a step
 * of an open loop at a rate that a small machine sustains: the targets of requirements document 003, and the hit ratio
 * and memory targets of document 002.
 */
import type { LoadDriver } from '../load/driver.ts';
import { MIXES } from '../load/mixes.ts';
import { loadDefaults, openLoad } from '../load/options.ts';
import type { Mix } from '../load/protocol.ts';
import { defineScript } from './script.ts';

const defaults = {
  ...loadDefaults,
  threads: 1,
  perSecond: 1_000,
  /** Rate of batches; a batch has 100 keys. */
  batchesPerSecond: 10,
  stepMs: 5_000,
  warmUpMs: 1_000,
  /** Share of the operations on the hot key, in addition to its Zipf share. */
  hotShare: 0.5,
  concurrent: 100,
};

interface Part {
  readonly name: string;
  readonly mix: Mix;
  readonly perSecond: number;
  readonly hotShare?: number;
  readonly burst?: number;
}

export const loadMixes = defineScript({
  name: 'load-mixes',
  defaults,
  async run(context) {
    const { parameters, signal } = context;
    const { perSecond, batchesPerSecond, stepMs, warmUpMs, hotShare, concurrent } = parameters;
    const parts: readonly Part[] = [
      ...(['A', 'B', 'C', 'F'] as const).map((name) => ({ name, mix: MIXES[name], perSecond })),
      { name: 'hot key', mix: MIXES.B, perSecond, hotShare },
      { name: 'batches', mix: MIXES.batches, perSecond: batchesPerSecond },
      { name: `burst of ${concurrent}`, mix: MIXES.B, perSecond, burst: concurrent },
    ];
    await using load: LoadDriver = await openLoad(context);
    for (const part of parts) {
      signal.throwIfAborted();
      await load.step({ ...part, warmUpMs, durationMs: stepMs });
    }
  },
});
