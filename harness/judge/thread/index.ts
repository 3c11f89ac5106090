/**
 * Judges in a thread, for two reasons. Its heap has little room for garbage, because only a new thread can be given a
 * limit for its young generation. And Ctrl-C ends it: a judgement never yields to the event loop.
 *
 *   judgeInThread ─▶ worker.ts: the modules, loaded again; one of `tasks.ts` ─▶ its result, or its KitError
 */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import type { LoadedExtension } from '../../extension/extension.ts';
import type { Answer, Arguments, Request, Result, TaskName } from './tasks.ts';

/** Three times the semi-space. Decision 084 has the measurements. The old generation has the limit of the process. */
const LIMITS = { maxYoungGenerationSizeMb: 12 };
/** Growth of the old generation between two collections, instead of up to 300 %. */
const HEAP_GROWTH = '--heap-growing-percent=20';

export interface ThreadOptions {
  /** Loaded extensions, whose modules the thread loads as well. */
  readonly extensions?: readonly LoadedExtension[];
  /** Ends the thread. */
  readonly signal: AbortSignal;
}

/**
 * Performs a task and ends the thread.
 * @throws KitError of the task; the reason of the signal if it is aborted
 */
export async function judgeInThread<T extends TaskName>(
  task: T,
  args: Arguments<T>,
  { extensions = [], signal }: ThreadOptions,
): Promise<Result<T>> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  setFlagsFromString(HEAP_GROWTH);
  const request: Request = { task, args, modules: extensions.map(({ module }) => module) };
  const worker = new Worker(moduleUrl('./worker', import.meta.url), {
    ...{ name: 'judge', workerData: request, resourceLimits: LIMITS },
  });
  worker.on('message', resolve);
  worker.on('error', reject);
  worker.on('exit', () => reject(new Error('the thread of the judge ended without an answer')));
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
