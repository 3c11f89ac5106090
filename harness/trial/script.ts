/** The part of a trial in which a scripted workload runs, with what it opened closed after it, last opened first. */
import type { Cache } from '../../client/index.ts';
import type { TrialContext } from '../trial.ts';
import { within } from '../until.ts';
import { type ClientSpec, clientSpec } from '../workloads/adapter.ts';
import { type CacheOverrides, openKit } from '../workloads/kit.ts';
import { seeded } from '../workloads/random.ts';
import type { MasterProxy, ScriptContext, ScriptedWorkload } from '../workloads/scripted.ts';
import { readAllNodes, removeKeys } from './final-read.ts';
import { proxyBefore } from './master-proxy.ts';
import { mastersOf, masterWithKey } from './masters.ts';
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
    open(overrides = {}, through): Cache {
      const cache = openKit(through === undefined ? spec : behind(spec, through), {
        ...(through !== undefined && serverName(spec, through)),
        ...overrides,
      });
      closers.push(() => cache.close());
      return cache;
    },
    async proxyBeforeMaster() {
      const proxy = await proxyBefore(environment);
      closers.push(async () => proxy[Symbol.asyncDispose]());
      return proxy;
    },
    remember: (...more) => {
      for (const key of more) keys.add(key);
    },
    caughtUp: () => awaitCaughtUp(environment, { signal, boundMs: CAUGHT_UP_BOUND_MS }),
    readAllNodes: (written) => readAllNodes(environment, written, context),
    masterOf: async (key) => environment.admin((await masterWithKey(environment, key)).id),
    masters: async () => Promise.all((await mastersOf(environment)).map(({ id }) => environment.admin(id))),
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

/** A client that reaches the masters through the proxies alone. */
function behind(spec: ClientSpec, { addresses, natMap }: MasterProxy): ClientSpec {
  if (natMap === undefined) return { ...spec, mode: 'standalone', redis: addresses };
  return { ...spec, redis: addresses, natMap: { ...spec.natMap, ...natMap } };
}

/** Where a proxy has another host than its server: the certificate is made out to the server. */
function serverName(spec: ClientSpec, { addresses }: MasterProxy): CacheOverrides {
  const [server] = spec.redis;
  if (server === undefined || spec.tls === undefined || addresses[0]?.host === server.host) return {};
  return { tls: { ...spec.tls, serverName: server.host } };
}
