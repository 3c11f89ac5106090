/** Judges run folders one after the other in a thread with bounded memory, and renders each report in every format. */
import { parentPort } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { EVIDENCE_COMPLETE } from '../../../harness/gates/completeness.ts';
import { analyzeRun } from '../../../harness/judge/index.ts';
import { renderers } from '../../../harness/reports/index.ts';
import { renderTerminal } from '../../../harness/reports/terminal.ts';

export interface Judged {
  /** `GO`, `NO_GO`, `UNKNOWN`, or the code of the error. */
  readonly decision: string;
  readonly exitCode: number;
  /** State, measurement and n of every criterion except `evidence-complete`; empty if there is an error. */
  readonly figures: string;
  /** Stack trace of an error that is a defect in the judge. */
  readonly stack?: string;
}

function judge(dir: string): Judged {
  try {
    const report = analyzeRun(dir);
    for (const render of [...Object.values(renderers), renderTerminal]) render(report);
    const { decision, exitCode, criteria } = report.verdict;
    const judged = criteria.filter(({ id }) => id !== EVIDENCE_COMPLETE);
    const figures = JSON.stringify(judged.map(({ id, state, measured, n }) => [id, state, measured, n]));
    return { decision, exitCode, figures };
  } catch (error) {
    if (error instanceof KitError) return { decision: error.code, exitCode: error.exitCode, figures: '' };
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { decision: 'CRASHED', exitCode: -1, figures: '', stack };
  }
}

parentPort?.on('message', (dir: string) => parentPort?.postMessage(judge(dir)));
