/**
 * k6 against a small HTTP service that embeds the kit's client, one workload per scenario (`harness/workloads/http/`).
 * Without k6, the trial records the reason, and its criteria are not measured. Summaries and dashboards are kept with
 * the logs of the run.
 */
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../../config/installation.ts';
import { withTimeout } from '../../wait.ts';
import type { FrontEndSetup } from '../http/front-end-thread.ts';
import { findK6, runK6, type Scenario } from '../http/k6.ts';
import { defineScript, type ScriptContext, type ScriptedWorkload } from './script.ts';

const defaults = {
  /** Number of k6 processes that share the scenario. */
  segments: 1,
  /** Rate per second; 0 for the scenario's own rate. */
  perSecond: 0,
  seconds: 0,
  catalogue: 2_000,
  maxValueBytes: 16_384,
  computeMs: 5,
  boundMs: 240_000,
};

const READY_BOUND_MS = 60_000;

type Context = ScriptContext<Record<keyof typeof defaults, number>>;

export function httpScenario(scenario: Scenario): ScriptedWorkload {
  return defineScript({
    name: `http-${scenario}`,
    defaults,
    async run(context) {
      const { parameters, record, clock, artifactPath, signal } = context;
      const mark = { type: 'observe', from: 'workload', client: 'kit' } as const;
      const k6 = await findK6(signal);
      if (k6.kind === 'none') {
        record({ ...mark, name: 'k6', atUs: clock.nowUs(), data: { scenario, limit: k6.reason } });
        return;
      }
      record({
        ...{ ...mark, name: 'k6', atUs: clock.nowUs() },
        data: { scenario, limit: '', version: k6.version, segments: parameters.segments },
      });
      await using served = await startFrontEndThread(context);
      const results = await runK6({
        ...{ path: k6.path, scenario, url: served.url, artifactPath, signal },
        ...{ segments: parameters.segments, perSecond: parameters.perSecond, seconds: parameters.seconds },
        ...{ catalogue: parameters.catalogue, timeoutMs: parameters.boundMs },
      });
      for (const result of results)
        record({ ...mark, name: 'k6-segment', atUs: clock.nowUs(), data: { scenario, ...result } });
    },
  });
}

async function startFrontEndThread(context: Context): Promise<AsyncDisposable & { readonly url: string }> {
  const { spec, parameters, tag, random, remember, signal } = context;
  const { catalogue, maxValueBytes, computeMs } = parameters;
  const prefix = `http:${tag}:`;
  const ids = Array.from({ length: catalogue }, (_, id) => `${spec.settings.namespace}:${prefix}${id}`);
  remember(...ids);
  const setup: FrontEndSetup = { spec, prefix, maxValueBytes, computeMs, seed: random.int(1_000_000) };
  const thread = new Worker(moduleUrl('../http/front-end-thread', import.meta.url), {
    ...{ workerData: setup, name: 'front-end', execArgv: [] },
  });
  const started = new Promise<string>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
  try {
    const url = await withTimeout('the HTTP front end', started, { boundMs: READY_BOUND_MS, signal });
    return {
      url,
      async [Symbol.asyncDispose]() {
        const closed = new Promise((resolve) => thread.once('message', resolve));
        thread.postMessage('close');
        await withTimeout('the front end to close', closed, { boundMs: READY_BOUND_MS }).catch(
          () => undefined,
        );
        await thread.terminate();
      },
    };
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}
