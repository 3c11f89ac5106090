/**
 * Compares the reports in a run folder with the reports that follow from its evidence.
 *
 * For a run of the current schema, every report is compared byte for byte. For a run with reports of a previous schema,
 * only the decision, the criteria and the measurements in its `report.json` are compared, because its texts were
 * written by another version.
 */
import { join } from 'node:path';
import { canonicalJson } from '../evidence/canonical-json.ts';
import { currentFault, FORMER_REPORT_SCHEMAS } from '../evidence/former-schema.ts';
import { MAX_REPORT_BYTES } from '../evidence/limits.ts';
import { pathExists, readText } from '../evidence/run-folder.ts';
import type { Report } from '../reports/report.ts';

export type Renderers = Readonly<Record<string, (report: Report) => string>>;

export interface Comparison {
  /** One line per difference, naming the file. */
  readonly problems: readonly string[];
  /** Comparisons that were not byte for byte. */
  readonly notes: readonly string[];
}

const REPORT = 'report.json';

/**
 * Compares the reports. @param renderers renderers by file name; if there is none for `report.json`, that file is
 * rendered as canonical JSON
 */
export function compareStoredReports(dir: string, report: Report, renderers: Renderers): Comparison {
  const stored = pathExists(join(dir, REPORT)) ? readText(join(dir, REPORT), MAX_REPORT_BYTES) : undefined;
  const former = stored === undefined ? undefined : parseFormer(stored);
  if (former !== undefined) {
    return {
      problems: findDifferences(REPORT, canonicalJson(former.figures), canonicalJson(figuresOf(report))),
      notes: [
        `${REPORT} has the schema ${former.schema}: compared its decision, criteria and measurements; its texts and the other reports were not compared`,
      ],
    };
  }
  const problems = Object.entries({ [REPORT]: canonicalJson, ...renderers }).flatMap(([name, render]) => {
    if (!pathExists(join(dir, name))) return [`${name} is missing: it could not be compared`];
    return findDifferences(name, readText(join(dir, name), MAX_REPORT_BYTES), render(report));
  });
  return { problems, notes: [] };
}

function findDifferences(name: string, stored: string, expected: string): readonly string[] {
  if (stored === expected) return [];
  const lines = expected.split('\n');
  const line = stored.split('\n').findIndex((text, index) => text !== lines[index]) + 1;
  return [`${name} differs from the recomputed report, first in line ${line}`];
}

/** Returns the parts of a report that are not prose, for the previous schemas and the current one. */
function figuresOf({ verdict, comparison, trials, integrity }: Omit<Report, 'schema' | 'run'>) {
  const { decision, exitCode, action, counts, criteria } = verdict;
  return {
    // The previous schemas had no conditional go.
    decision: decision === 'CONDITIONAL_GO' ? 'GO' : decision,
    ...{ exitCode, action, counts, comparison, integrity },
    criteria: criteria.map(({ id, state, target, unit, measured, n, minN, bound, attempts, evidence }) => ({
      ...{ id, state, target, unit, measured, n, minN, bound, evidence },
      ...(attempts !== undefined && { attempts }),
    })),
    trials: trials.map(({ drill, trial, status, binMs, timelines, faults, latencies }) => ({
      ...{ drill, trial, status, binMs, timelines, latencies },
      faults: faults.map((each) => ({ ...each, fault: currentFault(each.fault) })),
    })),
  };
}

interface Former {
  readonly schema: string;
  readonly figures: ReturnType<typeof figuresOf>;
}

/** Parses the figures in a report of a previous schema; undefined if the text is not such a report. */
function parseFormer(text: string): Former | undefined {
  try {
    const report = JSON.parse(text) as Omit<Report, 'schema'> & { readonly schema?: unknown };
    const schema = FORMER_REPORT_SCHEMAS.find((each) => each === report.schema);
    return schema === undefined ? undefined : { schema, figures: figuresOf(report) };
  } catch {
    return undefined;
  }
}
