/**
 * Whether Redis serves the writes and reads of each client at the end of a trial, as determined from the master's own
 * data in the closing phase. `deadClients` counts the caches whose last round had an error. The time until a round
 * without an error is a separate figure, because it depends on the machine.
 */
import { largestOf } from '../statistics/quantile.ts';
import type { Checker } from './checker.ts';
import { joinExamples, unknownResult, valueFigure } from './history-queries.ts';

export const liveness: Checker = {
  id: 'liveness',
  proves: 'at the end of a trial the master accepts the writes and serves the reads of every client',
  check(history, { client }) {
    const rounds = history.observations.filter(
      (seen) => seen.from === 'workload' && seen.name === 'closing' && seen.client === client,
    );
    const last = new Map(rounds.map((round) => [String(round.data?.subject), round.data ?? {}]));
    const closings = [...last.values()];
    const idle = [...last].filter(([, { writes, reads }]) => !(Number(writes) > 0 && Number(reads) > 0));
    if (closings.length === 0) return unknownResult('no closing phase was recorded');
    if (idle.length > 0) {
      const described = idle.map(([name, { trouble }]) => (trouble ? `${name} (${String(trouble)})` : name));
      return unknownResult(`the closing phase of ${joinExamples(described)} wrote or read nothing`);
    }
    const dead = [...last].filter(([, { troubles }]) => troubles !== 0);
    const described = dead.map(([name, { trouble }]) => `${name}: ${String(trouble)}`);
    return {
      validity: dead.length > 0 ? 'invalid' : 'valid',
      reasons: dead.length > 0 ? [`not served by Redis at the end: ${joinExamples(described)}`] : [],
      figures: {
        deadClients: valueFigure(dead.length, 'clients', closings.length),
        ...(dead.length === 0 && {
          servedAfterMs: valueFigure(
            largestOf(closings.map(({ tookMs }) => Number(tookMs))),
            'ms',
            closings.length,
          ),
        }),
      },
    };
  },
};
