/** Tasks that the thread can perform: everything that reads the histories of a run. */
import type { KitErrorOptions } from '../../../config/errors.ts';
import type { LoadedExtension } from '../../extension/extension.ts';
import { renderers } from '../../reports/index.ts';
import { compareRuns } from '../compare/index.ts';
import { analyzeRun, verifyRun } from '../index.ts';
import { poolRuns } from '../pool/index.ts';
import { statementOf } from '../statement.ts';

type Extensions = readonly LoadedExtension[];

export const tasks = {
  analyze: (extensions: Extensions, dir: string) => analyzeRun(dir, extensions),
  verify: (extensions: Extensions, dir: string) => verifyRun(dir, renderers, extensions),
  attest: (extensions: Extensions, dir: string) => statementOf(dir, renderers, extensions),
  compare: (
    extensions: Extensions,
    baseline: string,
    run: string,
    options: { readonly force?: boolean } = {},
  ) => compareRuns(baseline, run, { ...options, extensions }),
  pool: (_extensions: Extensions, dir: string) => poolRuns(dir),
};

export type TaskName = keyof typeof tasks;
type Rest<F> = F extends (extensions: Extensions, ...rest: infer R) => unknown ? R : never;
/** Arguments of a task, without the extensions. */
export type Arguments<T extends TaskName> = Rest<(typeof tasks)[T]>;
export type Result<T extends TaskName> = ReturnType<(typeof tasks)[T]>;

/** Setup of the thread. */
export interface Request {
  readonly task: TaskName;
  readonly args: readonly unknown[];
  /** Extension modules, by the names that the user gave; a function cannot be passed to a thread. */
  readonly modules: readonly string[];
}

/**
 * Answer of the thread. A KitError is passed as its fields, because an object loses its class when it is sent between
 * threads.
 */
export type Answer =
  | { readonly result: unknown }
  | { readonly failure: { readonly message: string; readonly options: KitErrorOptions } };
