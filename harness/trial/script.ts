/** The part of a trial in which a scripted workload runs; closes the resources of the script in reverse order. */
import type { Cache } from '../../client/index.ts';
import { clientSettingsOf } from '../../config/schema.ts';
import type { Heal } from '../../infra/substrates/environment.ts';
import { findFault } from '../extension/registered.ts';
import { runOnce } from '../faults/fault.ts';
import type { FaultEvent } from '../history/events.ts';
import { openConditionWaits, withTimeout } from '../wait.ts';
import { type ClientSpec, clientSpec } from '../workloads/adapter.ts';
import { startCaller } from '../workloads/calls/child.ts';
import { loadClient } from '../workloads/client-module.ts';
import { type ClosingKey, closingReads, closingWrites } from '../workloads/closing.ts';
import { adaptCache, type CacheOverrides, openKit } from '../workloads/kit.ts';
import { seededRandom } from '../workloads/random.ts';
import type { MasterProxy, ScriptContext, ScriptedWorkload } from '../workloads/scripted/script.ts';
import { watchAlerts } from './alert-watch.ts';
import { artifactPath } from './artifact-path.ts';
import { backUp } from './backups.ts';
import { closeClient } from './closing.ts';
import type { TrialContext } from './context.ts';
import { awaitMasters, nodeAccess } from './current-masters.ts';
import { readAllNodes, removeKeysOrReport } from './final-read.ts';
import { awaitReplication, CAUGHT_UP_BOUND_MS } from './health.ts';
import { startMasterProxies } from './master-proxy.ts';
import { operationsOn } from './operations.ts';

/** Time limit for one operation, in ms; longer than the deadline of a command (1 s). */
const OPERATION_BOUND_MS = 1_500;

/** Resources that a script opened; they are closed in reverse order. */
interface Owned {
  readonly keys: Set<string>;
  readonly closers: (() => Promise<unknown>)[];
  readonly caches: Cache[];
  readonly proxies: MasterProxy[];
}

export async function runScript(context: TrialContext, workload: ScriptedWorkload): Promise<void> {
  const { environment, signal, drill } = context;
  const settings = clientSettingsOf(environment.topology.environment);
  const spec = clientSpec('kit', environment.endpoints, settings, context.clientModule);
  const owned: Owned = { keys: new Set(), closers: [], caches: [], proxies: [] };
  const { keys, closers, caches, proxies } = owned;
  const script = scriptOf(context, workload, { spec, client: await loadClient(spec), owned });
  try {
    await withTimeout(`the script ${workload.name}`, workload.run(script), {
      boundMs: drill.boundMs,
      signal,
    });
    // All faults of the script are healed: Redis must serve each cache that has a connection.
    for (const proxy of proxies) await proxy.reset();
    const connected = caches.filter(({ connection }) => connection !== undefined);
    const closing = closeCaches(context, connected.length > 0 ? connected : [script.open()]);
    for (const { key } of await withTimeout('the closing phase', closing, {
      boundMs: drill.boundMs,
      signal,
    })) {
      keys.add(key);
    }
  } finally {
    for (const close of closers.reverse()) await close().catch(() => undefined);
    // The keys are removed last, when no client can write any more.
    await removeKeysOrReport(
      context,
      [...keys].map((key) => ({ key, encoding: 'raw' })),
    );
  }
}

function scriptOf(
  context: TrialContext,
  workload: ScriptedWorkload,
  given: Pick<ScriptContext, 'spec' | 'client'> & { readonly owned: Owned },
): ScriptContext {
  const { environment, clock, recorder, signal, parameters, tag, seed } = context;
  const { spec, client, owned } = given;
  const { keys, closers, caches, proxies } = owned;
  return {
    ...{ environment, clock, parameters, tag, spec, client, signal },
    shared: environment.substrate === 'external',
    random: seededRandom(seed, workload.name),
    record: recorder.record,
    awaitCondition: openConditionWaits(signal),
    expect: (id, what, seen) => recorder.record({ type: 'expect', id, what, ...seen, atUs: clock.nowUs() }),
    open(overrides = {}, through): Cache {
      const cache = openKit(through === undefined ? spec : specBehindProxy(spec, through), client, {
        ...(through !== undefined && serverNameOverride(spec, through)),
        ...overrides,
      });
      closers.push(() => cache.close());
      caches.push(cache);
      return cache;
    },
    retire(cache) {
      const place = caches.indexOf(cache);
      if (place !== -1) caches.splice(place, 1);
      return cache.close();
    },
    startProcess: (name, overrides = {}, env = {}) =>
      keepOpen(closers, startCaller({ name, spec, overrides, env })),
    async proxyBeforeMaster() {
      const proxy = await startMasterProxies(environment, signal);
      closers.push(async () => proxy[Symbol.asyncDispose]());
      proxies.push(proxy);
      return proxy;
    },
    async inject(fault, given) {
      const nodes = given ?? (await awaitMasters(environment, signal)).map(({ id }) => id);
      const heals: Heal[] = [];
      const heal = async () => {
        for (const healOne of heals) await healOne();
      };
      closers.push(heal);
      for (const node of nodes) heals.push(await injectRecorded(context, fault, node));
      return heal;
    },
    backUp: () => keepOpen(closers, backUp(context)),
    operations: operationsOn(context),
    watchAlerts: (application) => keepOpen(closers, watchAlerts(context, application)),
    artifactPath: (name) => artifactPath(context, name),
    remember: (...more) => {
      for (const key of more) keys.add(key);
    },
    caughtUp: () => awaitReplication(environment, { signal, boundMs: CAUGHT_UP_BOUND_MS }),
    readAllNodes: (written) => readAllNodes(environment, written, context),
    ...nodeAccess(environment, signal),
  };
}

/** Disposes of a resource at the end of the trial. */
async function keepOpen<T extends AsyncDisposable>(
  closers: Owned['closers'],
  opening: Promise<T>,
): Promise<T> {
  const opened = await opening;
  closers.push(async () => opened[Symbol.asyncDispose]());
  return opened;
}

/** Injects a fault into one node. Records its phases, and heals it once. */
async function injectRecorded(
  { environment, recorder, clock, signal, progress }: TrialContext,
  fault: string,
  node: string,
): Promise<Heal> {
  const event = (phase: FaultEvent['phase'], detail?: string) =>
    recorder.record({
      ...{ type: 'fault', fault, phase, node, atUs: clock.nowUs() },
      ...(detail !== undefined && { detail }),
    });
  progress(`${fault} ${node}`);
  event('inject');
  const { heal, detail } = await findFault(fault).inject(environment, node, signal);
  event('injected', detail);
  return runOnce(async () => {
    event('heal');
    await heal();
    event('healed');
  });
}

async function closeCaches(context: TrialContext, caches: readonly Cache[]): Promise<readonly ClosingKey[]> {
  const written = await Promise.all(
    caches.map((cache, i) => {
      const adapter = adaptCache(cache, () => undefined);
      const tag = `${context.tag}:${i}`;
      const closing = {
        client: adapter.client,
        subject: `cache ${i + 1}`,
        write: (round: number) => closingWrites(adapter, `${tag}:${round}`, OPERATION_BOUND_MS),
        read: (names: readonly string[]) => closingReads(adapter, names, OPERATION_BOUND_MS),
      };
      return closeClient(closing, context);
    }),
  );
  return written.flat();
}

/** Returns the spec of a client that reaches the masters only through the proxies. */
function specBehindProxy(spec: ClientSpec, { addresses, natMap }: MasterProxy): ClientSpec {
  if (natMap === undefined) return { ...spec, mode: 'standalone', redis: addresses };
  return { ...spec, redis: addresses, natMap: { ...spec.natMap, ...natMap } };
}

/**
 * Sets the server name for TLS if the host of a proxy differs from the host of its server, to which the certificate is
 * issued.
 */
function serverNameOverride(spec: ClientSpec, { addresses }: MasterProxy): CacheOverrides {
  const [server] = spec.redis;
  if (server === undefined || spec.tls === undefined || addresses[0]?.host === server.host) return {};
  return { tls: { ...spec.tls, serverName: server.host } };
}
