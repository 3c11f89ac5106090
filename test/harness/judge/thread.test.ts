/**
 * Judgements in a thread: the same results and errors as in the calling thread, a memory limit, and termination on
 * Ctrl-C.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { KitError } from '../../../config/errors.ts';
import { masterCrash } from '../../../harness/drills/master-crash.ts';
import { canonicalJson } from '../../../harness/evidence/canonical-json.ts';
import { analyzeRun, verifyRun } from '../../../harness/judge/index.ts';
import { judgeInThread } from '../../../harness/judge/thread/index.ts';
import { renderers } from '../../../harness/reports/index.ts';
import { catchKitError } from '../../support/kit-error.ts';
import { ScratchRuns } from '../scratch-runs.ts';

const scratch = new ScratchRuns();
const { dir } = scratch.createRun({ drills: [masterCrash], manifest: { kind: 'drill' } });
afterAll(() => scratch[Symbol.dispose]());

const { signal } = new AbortController();
const failureOf = (judged: Promise<unknown>) =>
  judged.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a judgement in a thread', () => {
  it('returns the same report and verification as the calling thread', async () => {
    expect(canonicalJson(await judgeInThread('analyze', [dir], { signal }))).toBe(
      canonicalJson(analyzeRun(dir)),
    );
    expect(await judgeInThread('verify', [dir], { signal })).toEqual(verifyRun(dir, renderers));
  });

  it('throws the error of the judge with its code, location, remedy and exit code', async () => {
    const missing = scratch.newPath();
    const error = await failureOf(judgeInThread('analyze', [missing], { signal }));
    expect(error).toBeInstanceOf(KitError);
    const { message, code, where, hint, exitCode } = catchKitError(() => analyzeRun(missing));
    expect(error).toMatchObject({ message, code, where, hint, exitCode });
  });

  it('loads extension modules in the thread, whose young generation is limited', async () => {
    const module = `${scratch.newPath()}.mjs`;
    writeFileSync(
      module,
      `import { resourceLimits } from 'node:worker_threads';
       throw new Error('young generation: ' + resourceLimits.maxYoungGenerationSizeMb + ' MB');`,
    );
    const modules = [module];
    expect(await failureOf(judgeInThread('analyze', [dir], { modules, signal }))).toMatchObject({
      code: 'EXTENSION_INVALID',
      message: 'cannot be loaded: young generation: 12 MB',
      cause: expect.objectContaining({ message: 'young generation: 12 MB' }),
    });
  });

  it('throws the abort reason of the signal if it is aborted before or during the judgement', async () => {
    const interruption = new AbortController();
    const reason = new KitError('interrupted', { code: 'INTERRUPTED' });
    const judged = failureOf(judgeInThread('analyze', [dir], { signal: interruption.signal }));
    interruption.abort(reason);
    expect(await judged).toBe(reason);
    expect(await failureOf(judgeInThread('analyze', [dir], { signal: interruption.signal }))).toBe(reason);
  });
});
