/**
 * Compares the kit's client with the stock clients: one row per failover drill and client, built from the checkers'
 * results.
 */
import type { CheckResult, Figure } from '../checkers/checker.ts';
import type { ComparisonRow } from '../reports/report.ts';
import { medianOf, sortAscending } from '../statistics/quantile.ts';

/** Returns the rows. @param drills failover drills in the order of the report */
export function assembleComparison(
  drills: readonly string[],
  results: readonly CheckResult[],
): readonly ComparisonRow[] {
  return drills.flatMap((drill) => {
    const ofDrill = results.filter((result) => result.drill === drill);
    const clients = [...new Set(ofDrill.map(({ client }) => client))];
    return clients.map((client) =>
      comparisonRow(
        drill,
        client,
        ofDrill.filter((result) => result.client === client),
      ),
    );
  });
}

function comparisonRow(drill: string, client: string, results: readonly CheckResult[]): ComparisonRow {
  const values = (checker: string, figure: string) =>
    results
      .filter((result) => result.checker === checker)
      .flatMap(({ figures }) => numberOf(figures[figure]));
  const total = (checker: string, figure: string) => values(checker, figure).reduce((sum, x) => sum + x, 0);
  const gaps = sortAscending(values('recovery', 'writeGapMs'));
  const durable = values('lost-writes', 'durableLost');
  return {
    drill,
    client,
    trials: new Set(results.map(({ trial }) => trial)).size,
    writeGapMs:
      gaps.length === 0 ? null : { min: gaps[0] ?? 0, median: medianOf(gaps), max: gaps.at(-1) ?? 0 },
    acknowledged: total('lost-writes', 'acknowledged'),
    acknowledgedLost: total('lost-writes', 'lost'),
    durableLost: durable.length === 0 ? null : total('lost-writes', 'durableLost'),
    appliedTwice: total('double-applies', 'doubleApplied'),
    longerThan1s: total('latency', 'longerThan1s'),
    deadClients: total('liveness', 'deadClients'),
  };
}

function numberOf(figure: Figure | undefined): readonly number[] {
  return figure?.kind === 'value' ? [figure.value] : [];
}
