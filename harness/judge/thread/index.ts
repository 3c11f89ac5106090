/**
 * Judges in a separate thread, for two reasons. First, garbage: only a new thread can be given a limit on its young
 * generation, and a low limit leaves little room for garbage in the heap. Second, Ctrl-C can end it, even though
 * judging never yields to the event loop.
 *
 *   judgeInThread ─▶ worker.ts: the modules, loaded again; one of `tasks.ts` ─▶ its result, or its KitError
 */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import type { Answer, Arguments, Request, Result, TaskName } from './tasks.ts';

/**
 * Three times the size of the semi-space; decision 084 has the measurements. The limit of the process applies to the
 * old generation.
 */
const LIMITS = { maxYoungGenerationSizeMb: 12 };
/** Growth of the old generation between two collections, instead of up to 300 %. */
const HEAP_GROWTH = '--heap-growing-percent=20';

export interface ThreadOptions {
  /** File paths or package names of extension modules, which the thread loads. */
  readonly modules?: readonly string[];
  /** Ends the thread. */
  readonly signal: AbortSignal;
}

/**
 * Performs a task and ends the thread.
 * @throws the KitError of the task; the signal's reason if the signal is aborted
 */
export async function judgeInThread<T extends TaskName>(
  task: T,
  args: Arguments<T>,
  { modules = [], signal }: ThreadOptions,
): Promise<Result<T>> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  setFlagsFromString(HEAP_GROWTH);
  const request: Request = { task, args, modules };
  const worker = new Worker(moduleUrl('./worker', import.meta.url), {
    ...{ name: 'judge', workerData: request, resourceLimits: LIMITS },
  });
  worker.on('message', resolve);
  worker.on('error', reject);
  worker.on('exit', () => reject(new Error('the judge thread ended without a result')));
  const interrupt = () => reject(signal.reason);
  signal.addEventListener('abort', interrupt);
  try {
    const answer = await promise;
    if ('failure' in answer) throw new KitError(answer.failure.message, answer.failure.options);
    return answer.result as Result<T>;
  } finally {
    signal.removeEventListener('abort', interrupt);
    await worker.terminate();
  }
}
