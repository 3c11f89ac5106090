/**
 * Coverage of the kit's own tests, as the coverage summary reports it. The judge passes the summary in as one
 * observation, with its commit. A summary for a commit other than the run's, or for modified files, does not describe
 * the code that ran.
 */
import type { ObservationEvent } from '../history/events.ts';
import type { Checker } from './checker.ts';
import { definedFigures, proportionFigure, unknownResult } from './history-queries.ts';

/** Suffix in the manifest that marks a commit with modified files. */
const DIRTY = '-dirty';

const REMEDY =
  'Run `npm test` at the commit of the run, without local changes, and pass its summary: --coverage coverage/coverage-summary.json.';

export const coverage: Checker = {
  id: 'coverage',
  proves: 'the tests of the kit cover enough lines and branches',
  check(history) {
    const data = history.observations.find(({ name }) => name === 'coverage')?.data ?? {};
    const figure = (of: string) => {
      const [covered, total] = [data[`${of}Covered`], data[`${of}Total`]];
      return typeof covered === 'number' && typeof total === 'number'
        ? proportionFigure(covered, total)
        : undefined;
    };
    const figures = definedFigures({ lines: figure('lines'), branches: figure('branches') });
    if (Object.keys(figures).length < 2)
      return unknownResult('the coverage summary has no totals of lines and branches', { remedy: REMEDY });
    const doubt = doubtOf(data);
    return doubt === undefined
      ? { validity: 'valid', reasons: [], figures }
      : unknownResult(doubt, { figures, remedy: REMEDY });
  },
};

type Data = NonNullable<ObservationEvent['data']>;

/** Returns the reason why the summary does not belong to the commit that ran; undefined if it does. */
function doubtOf({ ofCommit, runCommit, isOfSummary }: Data): string | undefined {
  if (typeof ofCommit !== 'string') {
    return 'the commit of the coverage summary is not recorded: `npm test` writes coverage-commit.json next to it';
  }
  if (isOfSummary !== true) return 'coverage-commit.json was written for another coverage summary';
  if (ofCommit.endsWith(DIRTY))
    return `the coverage summary was created from files that differ from commit ${shortenCommit(ofCommit)}`;
  if (typeof runCommit !== 'string') return 'the commit of this run is unknown';
  if (runCommit.endsWith(DIRTY))
    return `this run used files that differ from commit ${shortenCommit(runCommit)}`;
  return ofCommit === runCommit
    ? undefined
    : `the coverage summary belongs to commit ${shortenCommit(ofCommit)}, this run to ${shortenCommit(runCommit)}`;
}

function shortenCommit(commit: string): string {
  return commit.slice(0, 8);
}
