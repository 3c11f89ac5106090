/**
 * Entry point of extension modules. A module has the result of `defineExtension` as its default export, and is named in
 * `kit.yaml` or with `--module`. docs/extensions.md describes extension modules.
 */
import type { Extension, ReportFormat } from './extension.ts';

export type { CheckContext, Checker, CheckResult, Figure } from '../checkers/checker.ts';
export type { Drill, ScheduledFault } from '../drills/drill.ts';
export { failoverDrill, integrationDrill, loadDrill } from '../drills/families.ts';
export { type Fault, type Injection, runOnce } from '../faults/fault.ts';
export type { History } from '../history/events.ts';
export type { Report } from '../reports/report.ts';
export {
  defineScript,
  equals,
  errorOf,
  type ScriptContext,
  type ScriptedWorkload,
} from '../workloads/scripted/script.ts';
export type { Extension, ReportFormat };

/** Returns the extension unchanged, so that its type is checked where it is written. */
export function defineExtension(extension: Extension): Extension {
  return extension;
}
