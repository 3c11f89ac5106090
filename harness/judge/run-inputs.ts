/** Judges the inputs of the run that do not need a drill, each as a separate trial. */
import type { EnvironmentConfig } from '../../config/schema.ts';
import { inputCheckers } from '../checkers/index.ts';
import type { Evidence } from '../evidence/open.ts';
import { INPUTS } from '../evidence/run-folder.ts';
import { type Shape, shapeProblem } from '../evidence/shape.ts';
import type { JudgedTrial } from '../gates/read.ts';
import type { History, ObservationEvent } from '../history/events.ts';
import { parseHistory } from '../history/parse.ts';
import { type ChangedFiles, refTo, runCheckers } from './trials.ts';

const EMPTY: History = parseHistory([]).history;

export function judgeRunInputs(
  evidence: Evidence,
  environment: EnvironmentConfig | undefined,
  unsound: ChangedFiles,
): readonly JudgedTrial[] {
  const coverage = readCoverage(evidence, unsound);
  const sources = { coverage: { path: INPUTS.coverage, history: coverage } };
  return inputCheckers.flatMap((checker) => {
    const id = checker.id as keyof typeof sources;
    const { path, history } = sources[id];
    const ref = refTo(evidence, path);
    if (ref === undefined) return [];
    const isGone = !evidence.has(path);
    const broken = unsound.among([path]);
    const isJudged = environment !== undefined && !isGone && broken.length === 0 && history !== undefined;
    const context = { drill: id, trial: 0, client: 'kit', substrate: evidence.manifest.substrate };
    return [
      {
        drill: id,
        trial: 0,
        status: 'completed' as const,
        files: [ref],
        missing: isGone ? [path] : [],
        broken: history === undefined ? [path] : broken,
        results: isJudged ? runCheckers([checker], history, { environment, ...context }) : [],
      },
    ];
  });
}

const COUNT: Shape = { integer: [0, Number.MAX_SAFE_INTEGER] };
const COUNTS_SHAPE: Shape = { fields: { covered: COUNT, total: COUNT } };

/**
 * Returns a coverage summary (istanbul's json-summary) as the observation that its checker reads; undefined if its
 * numbers are invalid.
 */
function readCoverage(evidence: Evidence, unsound: ChangedFiles): History | undefined {
  const summary = evidence.read(INPUTS.coverage);
  if (summary === undefined) return EMPTY;
  const data: Record<string, number | string | boolean | null> = {
    runCommit: evidence.manifest.commit,
    ...coverageStamp(evidence, unsound),
  };
  for (const [part, counts] of Object.entries(totalsOf(summary))) {
    if (counts === undefined) continue;
    if (shapeProblem(counts, COUNTS_SHAPE) !== undefined) return undefined;
    const { covered, total } = counts as { readonly covered: number; readonly total: number };
    if (covered > total) return undefined;
    data[`${part}Covered`] = covered;
    data[`${part}Total`] = total;
  }
  const observation: ObservationEvent = { type: 'observe', from: 'process', name: 'coverage', atUs: 0, data };
  return { ...EMPTY, observations: [observation] };
}

/** Returns the line and branch totals in the summary. If it is not JSON or has no totals, the checker reports that. */
function totalsOf(summary: string): Readonly<Record<'lines' | 'branches', unknown>> {
  try {
    const { total } = JSON.parse(summary) as { readonly total?: Readonly<Record<string, unknown>> };
    return { lines: total?.lines, branches: total?.branches };
  } catch {
    return { lines: undefined, branches: undefined };
  }
}

/** Returns the stamp of the summary: its commit, and whether the stamp was written for this summary. */
function coverageStamp(evidence: Evidence, unsound: ChangedFiles): Record<string, string | boolean> {
  const stamp = evidence.read(INPUTS.coverageCommit);
  if (stamp === undefined || unsound.among([INPUTS.coverageCommit]).length > 0) return {};
  try {
    const { commit, summarySha256 } = JSON.parse(stamp) as Readonly<Record<string, unknown>>;
    if (typeof commit !== 'string') return {};
    return { ofCommit: commit, isOfSummary: summarySha256 === evidence.sha256Of(INPUTS.coverage) };
  } catch {
    return {};
  }
}
