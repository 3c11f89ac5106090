/** The part of a trial in which a scripted workload runs, with what it opened closed after it, last opened first. */
import type { Cache } from '../../client/index.ts';
import { KitError } from '../../config/errors.ts';
import { startProxy } from '../faults/proxy/index.ts';
import type { TrialContext } from '../trial.ts';
import { within } from '../until.ts';
import { clientSpec } from '../workloads/adapter.ts';
import { openKit } from '../workloads/kit.ts';
import { seeded } from '../workloads/random.ts';
import type { ScriptContext, ScriptedWorkload } from '../workloads/scripted.ts';
import { readAllNodes, removeKeys } from './final-read.ts';
import { awaitCaughtUp } from './wholeness.ts';

const CAUGHT_UP_BOUND_MS = 15_000;

export async function runScript(context: TrialContext, workload: ScriptedWorkload): Promise<void> {
  const { environment, clock, recorder, signal, parameters, tag, seed, drill } = context;
  const spec = clientSpec('kit', environment.endpoints, environment.topology.environment.client);
  const keys = new Set<string>();
  const closers: (() => Promise<unknown>)[] = [];

  const script: ScriptContext = {
    ...{ environment, clock, parameters, tag, spec, signal },
    shared: environment.substrate === 'attached',
    random: seeded(seed, workload.name),
    record: recorder.record,
    expect: (id, what, seen) => recorder.record({ type: 'expect', id, what, ...seen, atUs: clock.nowUs() }),
    open(overrides = {}, at): Cache {
      const on = at === undefined ? spec : { ...spec, mode: 'standalone' as const, redis: [at] };
      // Its certificate is made out to the server and not to the proxy before it.
      const [server] = spec.redis;
      const proxied = at !== undefined && server !== undefined && at.host !== server.host && spec.tls;
      const tls = proxied && { tls: { ...spec.tls, serverName: server.host } };
      const cache = openKit(on, { ...tls, ...overrides });
      closers.push(() => cache.close());
      return cache;
    },
    async proxyBeforeMaster() {
      const { address } = await masterStatus(context);
      // An address of another machine cannot be listened on.
      const isHere = environment.substrate !== 'attached' || address.host.startsWith('127.');
      const proxy = await startProxy(address, isHere ? {} : { host: '127.0.0.1' });
      closers.push(async () => proxy[Symbol.asyncDispose]());
      return proxy;
    },
    remember: (...more) => {
      for (const key of more) keys.add(key);
    },
    caughtUp: () => awaitCaughtUp(environment, { signal, boundMs: CAUGHT_UP_BOUND_MS }),
    readAllNodes: (written) => readAllNodes(environment, written, context),
    master: async () => environment.admin((await masterStatus(context)).id),
  };
  try {
    await within(`the script ${workload.name}`, workload.run(script), { boundMs: drill.boundMs, signal });
  } finally {
    for (const close of closers.reverse()) await close().catch(() => undefined);
    // Last, when nothing can write any more.
    await removeKeys(
      environment,
      [...keys].map((key) => ({ key, encoding: 'raw' })),
    );
  }
}

async function masterStatus({ environment }: TrialContext) {
  const master = await environment.masterId();
  const status = (await environment.status()).find(({ id }) => id === master);
  if (status === undefined) throw new KitError('there is no master to work on', { code: 'NO_MASTER' });
  return status;
}
