/**
 * Whether the keys that a load wrote through the client have an expiry. The trial read the expiries directly from the
 * masters before it removed the keys. `withoutExpiry` counts the keys that never expire.
 */
import type { Checker } from './checker.ts';
import { joinExamples, unknownResult, valueFigure } from './history-queries.ts';

export const expiries: Checker = {
  id: 'expiries',
  proves: 'every key that a load wrote expires',
  check(history, { client }) {
    const reads = history.observations.filter(
      (seen) => seen.from === 'workload' && seen.name === 'expiries' && seen.client === client,
    );
    if (reads.length === 0) return unknownResult('no expiry of a written key was read');
    const sumOf = (field: 'keys' | 'without') =>
      reads.reduce((sum, { data }) => sum + Number(data?.[field] ?? 0), 0);
    const without = sumOf('without');
    const names = reads.flatMap(({ data }) => (data?.example ? [String(data.example)] : []));
    return {
      validity: without > 0 ? 'invalid' : 'valid',
      reasons: without > 0 ? [`${without} keys have no expiry: ${joinExamples(names)}`] : [],
      figures: { withoutExpiry: valueFigure(without, 'keys', sumOf('keys')) },
    };
  },
};
