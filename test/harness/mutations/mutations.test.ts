/**
 * Evidence files are changed in every possible way: with the old seal, with a rewritten seal, and with rewritten
 * manifest digests as well as a rewritten seal. No mutation of the first two kinds leads to a GO. No mutation makes the
 * judge crash, hang or use unbounded memory. The run is hand-written, and every random draw is derived from the seed,
 * which is printed if the test fails.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { drills } from '../../../harness/drills/index.ts';
import { LOGS, SEAL } from '../../../harness/evidence/run-folder.ts';
import { withTimeout } from '../../../harness/wait.ts';
import { rewriteDigestsAndSeal, rewriteSeal, ScratchRuns } from '../scratch-runs.ts';
import type { Judged } from './judge-thread.ts';
import { mutateFile, OPERATORS } from './operators.ts';

const SEED = 20_261_128;
const RANDOM_RUNS = 160;
/** Judging this run once takes 0.2 s, so this bound is reached only if the judge hangs. */
const JUDGE_BOUND_MS = 20_000;
const MEMORY_MB = 256;

const scratch = new ScratchRuns();
const thread = new Worker(new URL('./judge-thread.ts', import.meta.url), {
  execArgv: [],
  resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
});
let dir = '';
let healthy: Judged;
const originals = new Map<string, Buffer>();

beforeAll(async () => {
  const asked = drills.filter(({ id }) =>
    ['hit-miss', 'batches', 'replication', 'master-crash'].includes(id),
  );
  const names = new Set(['configuration', ...asked.map(({ id }) => id)]);
  const all = loadGates();
  const gates = {
    ...all,
    gates: all.gates.filter(({ workload }) => workload.every((drill) => names.has(drill))),
  };
  ({ dir } = scratch.createRun({ drills: asked, gates, manifest: { kind: 'drill' } }));
  healthy = await judged();
  const { files } = JSON.parse(readFileSync(join(dir, SEAL), 'utf8')) as { files: { path: string }[] };
  for (const path of [SEAL, ...files.map((file) => file.path)])
    originals.set(path, readFileSync(join(dir, path)));
});
afterAll(async () => {
  await thread.terminate();
  scratch[Symbol.dispose]();
});

/** @throws Error if the judge hangs, or if its thread runs out of memory */
async function judged(): Promise<Judged> {
  const { promise, resolve, reject } = Promise.withResolvers<Judged>();
  thread.once('message', resolve).once('error', reject);
  thread.postMessage(dir);
  return withTimeout('a judgement', promise, { boundMs: JUDGE_BOUND_MS }).finally(() => {
    thread.off('message', resolve).off('error', reject);
  });
}

const SEALINGS = {
  'with the old seal': () => undefined,
  'sealed again': () => rewriteSeal(dir),
  'with rewritten digests and seal': () => {
    try {
      rewriteDigestsAndSeal(dir);
    } catch (error) {
      // The manifest is nested too deeply to be written again.
      if (!(error instanceof RangeError)) throw error;
      rewriteSeal(dir);
    }
  },
} as const;
type Sealing = keyof typeof SEALINGS;

interface Mutation {
  readonly path: string;
  readonly operator: string;
  readonly seed: number;
  readonly sealing: Sealing;
}

/** Judges the run with one file changed; undefined if the mutation does not change the file. */
async function outcomeOf({ path, operator, seed, sealing }: Mutation): Promise<Judged | undefined> {
  const original = originals.get(path) ?? Buffer.alloc(0);
  const others = [...originals].filter(([other]) => other !== path).map(([, content]) => content);
  const content = mutateFile(original, operator, seed, others);
  if (content?.equals(original)) return undefined;
  try {
    if (content === undefined) rmSync(join(dir, path));
    else writeFileSync(join(dir, path), content);
    if (path !== SEAL) SEALINGS[sealing]();
    return await judged();
  } finally {
    for (const [each, bytes] of originals) writeFileSync(join(dir, each), bytes);
  }
}

/** Describes the flaw of a judgement; undefined if there is none. */
async function problemOf(mutation: Mutation): Promise<string | undefined> {
  const found = await outcomeOf(mutation);
  if (found === undefined) return undefined;
  const name = JSON.stringify(mutation);
  if (found.stack !== undefined) return `${name} crashes the judge: ${found.stack}`;
  if (![0, 1, 3].includes(found.exitCode)) return `${name} ends with exit code ${found.exitCode}`;
  // Logs are only for people to read; the judge does not use them.
  const isForged = mutation.sealing === 'with rewritten digests and seal';
  const isLog = mutation.path.startsWith(`${LOGS}/`) && mutation.sealing !== 'with the old seal';
  if (found.decision !== 'GO' || isForged) return undefined;
  return isLog && found.figures === healthy.figures ? undefined : `${name} is a GO`;
}

const paths = () => [...originals.keys()];

describe('a run with one file changed', () => {
  it('is a GO before the change', () => {
    expect(healthy.decision).toBe('GO');
    expect(paths().length).toBeGreaterThan(12);
  });

  it.each(Object.keys(OPERATORS))(
    'is not a GO and does not crash the judge, for any file: %s',
    { timeout: 300_000 },
    async (operator) => {
      const problems: string[] = [];
      for (const [i, path] of paths().entries()) {
        const problem = await problemOf({ path, operator, seed: SEED + i, sealing: 'sealed again' });
        if (problem !== undefined) problems.push(problem);
      }
      expect(problems).toEqual([]);
    },
  );

  it('is not a GO and does not crash the judge, for any position and operator', {
    timeout: 300_000,
  }, async () => {
    const mutation = fc.record({
      path: fc.constantFrom(...paths()),
      operator: fc.constantFrom(...Object.keys(OPERATORS)),
      seed: fc.nat(),
      sealing: fc.constantFrom(...(Object.keys(SEALINGS) as Sealing[])),
    });
    const property = fc.asyncProperty(mutation, async (one) => {
      expect(await problemOf(one)).toBeUndefined();
    });
    await fc.assert(property, { seed: SEED, numRuns: RANDOM_RUNS, endOnFailure: true });
  });
});
