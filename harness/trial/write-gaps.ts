/**
 * Formats the write gaps of a trial that has just ended as progress messages. Uses the checker, the table and the
 * wording of the report, so that the messages and the report show the same figure.
 */
import { KitError } from '../../config/errors.ts';
import { assembleComparison } from '../assembly/comparison.ts';
import { liveness } from '../checkers/liveness.ts';
import { recovery } from '../checkers/recovery.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import { readHistories } from '../evidence/run-folder.ts';
import { parseHistory } from '../history/parse.ts';
import { formatGap } from '../reports/wording.ts';
import type { TrialRequest } from './context.ts';

/** Returns one line per client of a failover drill; none if the history cannot be read (the judge reports that). */
export function writeGapLines(
  { drill, environment, dir }: TrialRequest,
  record: TrialRecord,
): readonly string[] {
  if (drill.family !== 'failover') return [];
  try {
    const { history } = parseHistory(readHistories(dir, record.files), record);
    const context = { environment: environment.topology.environment, drill: drill.id };
    const results = record.clients.flatMap((client) =>
      [recovery, liveness].map((checker) => ({
        ...{ checker: checker.id, drill: drill.id, trial: record.trial, client },
        ...checker.check(history, { ...context, client }),
      })),
    );
    return assembleComparison([drill.id], results).map((row) => `${row.client}: write gap ${formatGap(row)}`);
  } catch (error) {
    if (error instanceof KitError) return [];
    throw error;
  }
}
