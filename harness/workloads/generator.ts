/**
 * One client's generator: connects, prepares, runs the workload's schedule, answers the trial's messages, ends.
 * `worker.ts` runs it in a thread of its own; tests run it on a MessageChannel.
 */
import { openClock } from '../clock.ts';
import type { InvokeEvent } from '../history.ts';
import { openRecorder } from '../recorder.ts';
import { within } from '../until.ts';
import type { Adapter, ClientEventSink, ClientSpec } from './adapter.ts';
import type { GeneratedWorkload, GeneratorContext } from './generated.ts';
import { ioredisAdapter } from './ioredis.ts';
import { createIssuer } from './issuer.ts';
import { kitAdapter } from './kit.ts';
import { latenessMeter } from './lateness.ts';
import type { GeneratorSetup, Port, ToGenerator } from './protocol.ts';
import { seeded } from './random.ts';

/** A client that has not reached a healthy master after this has failed the trial, not the fault. */
const CONNECT_BOUND_MS = 10_000;

const ADAPTERS: Readonly<
  Record<ClientSpec['client'], (spec: ClientSpec, onEvent: ClientEventSink) => Adapter>
> = { kit: kitAdapter, ioredis: ioredisAdapter };

/** Serves a generator on a port until it was stopped. Failures are posted, never thrown. */
export async function serveGenerator(
  port: Port,
  setup: GeneratorSetup,
  workload: GeneratedWorkload,
): Promise<void> {
  const clock = openClock(setup.originNs);
  const { client } = setup.spec;
  const stopping = new AbortController();
  const fail = (error: unknown) =>
    port.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  const recorder = openRecorder(setup.historyPath, fail);
  const record = recorder.record;
  const adapter = ADAPTERS[client](setup.spec, (name, data) =>
    record({ type: 'observe', from: 'client', name, client, atUs: clock.nowUs(), data }),
  );
  const lateness = latenessMeter(client, clock, record);
  const watch = recoveryWatch((atUs) => port.postMessage({ type: 'recovered', atUs }));
  const issuer = createIssuer({
    adapter,
    clock,
    record,
    lateness,
    inFlightBound: setup.inFlightBound,
    onAcknowledged: (invoke) => watch.acknowledged(invoke, clock.nowUs()),
  });
  const contextFrom = (startUs: number): GeneratorContext => ({
    adapter,
    clock,
    issuer,
    record,
    startUs,
    random: seeded(setup.seed, `${setup.workload}/${client}`),
    parameters: setup.parameters,
    durableWrites: setup.durableWrites,
    tag: setup.tag,
    stopped: stopping.signal,
  });

  async function probe(boundMs: number): Promise<void> {
    const startedUs = clock.nowUs();
    const outcome = adapter.set(`probe:${setup.tag}:${startedUs}`, 'probe', 'async');
    const alive = await within('a write', outcome, { boundMs })
      .then((answer) => answer.source === 'redis')
      .catch(() => false);
    const atUs = clock.nowUs();
    const data = { alive, tookMs: (atUs - startedUs) / 1_000 };
    record({ type: 'observe', from: 'workload', name: 'final-probe', client, atUs, data });
    issuer.remember([
      { key: adapter.physicalKey(`probe:${setup.tag}:${startedUs}`), encoding: adapter.encoding },
    ]);
    port.postMessage({ type: 'probed', ...data });
  }

  async function stop(drainMs: number): Promise<void> {
    stopping.abort();
    await issuer.drain(drainMs);
    issuer.close();
    lateness.close();
    await recorder.close();
    await within('the client to close', adapter.close(), { boundMs: 2_000 }).catch(() => undefined);
    const written = [...issuer.written].map(([key, encoding]) => ({ key, encoding }));
    port.postMessage({ type: 'stopped', written });
  }

  const { promise: stopped, resolve: markStopped } = Promise.withResolvers<void>();
  const handlers: {
    readonly [T in ToGenerator['type']]: (message: Extract<ToGenerator, { type: T }>) => unknown;
  } = {
    go: ({ startUs }) =>
      workload.run(contextFrom(startUs)).then(() => port.postMessage({ type: 'finished' }), fail),
    injected: ({ atUs }) => watch.arm(atUs),
    probe: ({ boundMs }) => probe(boundMs),
    stop: ({ drainMs }) => stop(drainMs).catch(fail).finally(markStopped),
  };
  port.on('message', (message) => {
    (handlers[message.type] as (message: ToGenerator) => unknown)(message);
  });

  try {
    await within(`${client} to reach its master`, adapter.ready(), { boundMs: CONNECT_BOUND_MS });
    await workload.prepare?.(contextFrom(clock.nowUs()));
    port.postMessage({ type: 'ready' });
  } catch (error) {
    fail(error);
  }
  await stopped;
}

/** Tells once, after every fault, of the first acknowledged write that was intended after it. */
function recoveryWatch(recovered: (atUs: number) => void): {
  arm(atUs: number): void;
  acknowledged(invoke: InvokeEvent, nowUs: number): void;
} {
  let armedUs: number | undefined;
  return {
    arm(atUs) {
      armedUs = atUs;
    },
    acknowledged(invoke, nowUs) {
      if (armedUs === undefined || invoke.intendedUs < armedUs) return;
      armedUs = undefined;
      recovered(nowUs);
    },
  };
}
