/**
 * Entry point of extension modules. The default export of a module is the result of `defineExtension`; the module is
 * named in `kit.yaml` or with `--module`. docs/extensions.md describes extension modules.
 */
import type { Extension, ReportFormat } from './extension.ts';

export type { CheckContext, Checker, CheckResult, Figure } from '../checkers/checker.ts';
export type { Drill, ScheduledFault } from '../drills/drill.ts';
export { failoverDrill, integrationDrill, loadDrill } from '../drills/families.ts';
export { type Fault, type Injection, runOnce } from '../faults/fault.ts';
export type { History } from '../history/events.ts';
export type { Report } from '../reports/report.ts';
export type { ClientEventSink, ClientSpec } from '../workloads/adapter.ts';
export {
  defineWorkload,
  type GeneratedWorkload,
  type GeneratorContext,
  markWindow,
} from '../workloads/generated.ts';
export type { PlannedOperation } from '../workloads/issuer.ts';
export type { CacheClient, CacheCommands } from '../workloads/module-client.ts';
export { type Lane, openLoop } from '../workloads/open-loop.ts';
export {
  defineScript,
  equals,
  errorOf,
  type ScriptContext,
  type ScriptedWorkload,
} from '../workloads/scripted/script.ts';
export { padValue } from '../workloads/values.ts';
export { zipfSampler } from '../workloads/zipf.ts';
export type { Extension, ReportFormat };

/** Returns the extension unchanged, so that its type is checked where it is written. */
export function defineExtension(extension: Extension): Extension {
  return extension;
}
