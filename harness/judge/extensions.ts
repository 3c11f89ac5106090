/**
 * Checkers and reports from extension modules, for a recorded run. A checker or report is used only if its module has
 * the name and the SHA-256 with which the run was sealed, because another version could judge differently. The criteria
 * of a missing module are not measured.
 */
import type { Gates } from '../../config/gates.ts';
import type { Checker } from '../checkers/checker.ts';
import { checkers as ownCheckers } from '../checkers/index.ts';
import type { Manifest } from '../evidence/manifest.ts';
import type { LoadedExtension, ReportFormat } from '../extension/extension.ts';
import type { Criterion } from '../gates/gate.ts';
import type { Report } from '../reports/report.ts';
import { findingProblem } from './finding-shape.ts';
import type { Renderers } from './stored-reports.ts';

/** Returns the checkers of the passed modules, except modules that the run was not sealed with. */
export function extensionCheckers(manifest: Manifest, given: readonly LoadedExtension[]): readonly Checker[] {
  return sealedOnes(manifest, given).flatMap(({ extension }) => (extension.checkers ?? []).map(guarded));
}

/** Returns the reports of the passed modules by file name, except modules that the run was not sealed with. */
export function extensionReports(manifest: Manifest, given: readonly LoadedExtension[]): Renderers {
  return Object.fromEntries(
    sealedOnes(manifest, given).flatMap(({ extension: { name, reports = [] } }) =>
      reports.map((format) => [`report.${name}.${format.file}`, guardedReport(format)]),
    ),
  );
}

function sealedOnes(
  { extensions: sealed = [] }: Manifest,
  given: readonly LoadedExtension[],
): readonly LoadedExtension[] {
  return given.filter(({ identity }) =>
    sealed.some(({ name, sha256 }) => name === identity.name && sha256 === identity.sha256),
  );
}

/** Describes the modules of the run that were not passed, or that were passed with different content. */
export function extensionProblems(
  { extensions: sealed = [] }: Manifest,
  given: readonly LoadedExtension[],
): readonly string[] {
  return sealed.flatMap(({ name, path, sha256 }) => {
    const found = given.find(({ identity }) => identity.name === name)?.identity;
    if (found?.sha256 === sha256) return [];
    const named = `the extension '${name}' of the run (${path}, SHA-256 ${sha256.slice(0, 12)})`;
    return [
      found === undefined
        ? `${named} was not passed`
        : `${named} differs from the module ${found.path}, SHA-256 ${found.sha256.slice(0, 12)}`,
    ];
  });
}

/** Adds an explanation to each criterion that needs a checker from a module that was not passed. */
export function explainMissingChecker(
  criterion: Criterion,
  gates: Gates | undefined,
  known: readonly Checker[],
  problems: readonly string[],
): Criterion {
  if (problems.length === 0 || criterion.state !== 'NOT_MEASURED') return criterion;
  const checker = gates?.gates.find(({ id }) => id === criterion.id)?.sli.checker;
  const isKnown = [...ownCheckers, ...known].some(({ id }) => id === checker);
  if (checker === undefined || isKnown) return criterion;
  return {
    ...criterion,
    reason: `the checker '${checker}' is unknown: ${problems.join('; ')}`,
    remedy: 'Pass the module that the run was recorded with: --module FILE, or `modules` in kit.yaml.',
  };
}

/** Wraps a checker. If it throws, or returns anything but a finding, it proves nothing: its figures are unknown. */
function guarded(checker: Checker): Checker {
  const unknown = (reason: string) => ({
    ...{ validity: 'unknown' as const, figures: {} },
    reasons: [`the checker ${checker.id} ${reason}`],
  });
  return {
    ...checker,
    check(history, context) {
      try {
        const finding = checker.check(history, context);
        const problem = findingProblem(finding);
        return problem === undefined ? finding : unknown(`returned no finding: ${problem}`);
      } catch (error) {
        return unknown(`threw: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

/**
 * Wraps the renderer of a report. If it throws or does not return a string, the file contains the reason instead, and
 * the verdict and the other reports are not affected.
 */
function guardedReport({ file, render }: ReportFormat): (report: Report) => string {
  const failed = (reason: string) => `The report ${file} could not be rendered: ${reason}\n`;
  return (report) => {
    try {
      const text: unknown = render(report);
      return typeof text === 'string' ? text : failed(`render returned ${typeof text}, not a string`);
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
  };
}
