/** The schedule of a storm is the same for the same seed, and its simultaneous faults never rule out a safe outcome. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ScheduledFault } from '../../../harness/drills/drill.ts';
import { drills } from '../../../harness/drills/index.ts';
import { drawnFor, MAX_STORM_MINUTES, stormOf } from '../../../harness/drills/storm/index.ts';
import { scenarios } from '../../../harness/drills/storm/scenarios.ts';
import { stormFaults } from '../../../harness/drills/storm/schedule.ts';
import { MAX_FAULT_EVENTS } from '../../../harness/evidence/limits.ts';

const lengths = fc.record({ seed: fc.nat(), minutes: fc.integer({ min: 1, max: MAX_STORM_MINUTES }) });
const roundsOf = (faults: readonly ScheduledFault[]) => [
  ...Map.groupBy(faults, ({ round }) => round).values(),
];
const isSentinel = ({ target }: ScheduledFault) => target.startsWith('sentinel-');

it('a storm is the same for the same seed, and differs for a different seed', () => {
  fc.assert(
    fc.property(lengths, (length) => {
      expect(stormFaults(length)).toEqual(stormFaults(length));
      const other = stormFaults({ ...length, seed: length.seed + 1 });
      expect(other).not.toEqual(stormFaults(length));
    }),
    { numRuns: 50 },
  );
});

it('a round of a storm kills or pauses at most one Redis node and one sentinel', () => {
  fc.assert(
    fc.property(lengths, (length) => {
      for (const round of roundsOf(stormFaults(length))) {
        const lost = round.filter(({ fault }) => fault === 'kill' || fault === 'pause');
        expect(lost.filter(isSentinel).length).toBeLessThanOrEqual(1);
        expect(lost.filter((fault) => !isSentinel(fault)).length).toBeLessThanOrEqual(1);
        expect(new Set(round.map(({ target }) => target)).has('all-nodes')).toBe(false);
      }
    }),
    { numRuns: 50 },
  );
});

it('the rounds of a storm are sequential, begin within its length, and stay within the limit on fault events', () => {
  fc.assert(
    fc.property(lengths, (length) => {
      const faults = stormFaults(length);
      const starts = roundsOf(faults).map((round) => Math.min(...round.map(({ atMs }) => atMs)));
      expect(starts).toEqual(starts.toSorted((a, b) => a - b));
      expect(starts.at(-1)).toBeLessThan(length.minutes * 60_000);
      expect(4 * faults.length).toBeLessThan(MAX_FAULT_EVENTS);
    }),
    { numRuns: 50 },
  );
});

it('a 30-minute storm contains every scenario', () => {
  const { faults } = stormOf({ seed: 7, minutes: 30 });
  const kinds = new Set(faults.map(({ fault, target }) => `${fault} ${target}`));
  expect([...kinds].sort()).toEqual([
    'cut-connections master',
    'kill master',
    'kill replica',
    'kill sentinel-1',
    'kill sentinel-2',
    'pause master',
    'pause replica',
    'pause sentinel-1',
    'pause sentinel-2',
    'planned-switch none',
  ]);
  expect(new Set(scenarios.map(({ id }) => id)).size).toBe(scenarios.length);
});

it('a run generates its storm from the seed, and leaves other drills unchanged', () => {
  for (const drill of drills) {
    const drawn = drawnFor(drill, 7, 2);
    expect(drawn).toEqual(drill.id === 'storm' ? stormOf({ seed: 7, minutes: 2 }) : drill);
  }
});
