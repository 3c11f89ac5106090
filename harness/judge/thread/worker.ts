/**
 * Entry point of the thread: loads the extension modules, performs one task, and sends its result or its KitError. Any
 * other error is a defect.
 */
import '../../../config/es2024.ts';
import { parentPort, workerData } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { loadExtensions } from '../../extension/load.ts';
import { type Answer, type Request, tasks } from './tasks.ts';

async function answerTo({ task, args, modules }: Request): Promise<Answer> {
  try {
    const perform = tasks[task] as (...given: unknown[]) => unknown;
    return { result: perform(await loadExtensions(modules), ...args) };
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    const { message, code, where, hint, exitCode, cause } = error;
    const options = {
      ...{ code, exitCode },
      ...(where !== undefined && { where }),
      ...(hint !== undefined && { hint }),
      ...(cause instanceof Error && { cause: new Error(cause.message) }),
    };
    return { failure: { message, options } };
  }
}

parentPort?.postMessage(await answerTo(workerData as Request));
