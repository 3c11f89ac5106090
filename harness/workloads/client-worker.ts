/**
 * Entry point of a client's thread, which runs only the client under test. The client's use of the event loop (TLS,
 * parsing, garbage collection) delays its own answers, but not the schedule of the generator.
 */
import '../../config/es2024.ts';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { openClock } from '../history/clock.ts';
import type { Adapter, ClientEventSink } from './adapter.ts';
import { openAdapter } from './adapters.ts';
import { loadClient } from './client-module.ts';
import type { ClientSetup, FromClient, ToClient } from './client-protocol.ts';
import { schedstatPath } from './schedstat-path.ts';
import { tagsOf } from './values.ts';

const LOOP_DELAY_EVERY_MS = 1_000;
const RESOLUTION_MS = 10;
const PROBE_KEY = 'x';

// If the module cannot be loaded, the thread ends with the error.
if (parentPort !== null) await serveClient(workerData as ClientSetup, parentPort);

async function serveClient(
  { spec, originNs }: ClientSetup,
  port: NonNullable<typeof parentPort>,
): Promise<void> {
  const client = await loadClient(spec);
  const clock = openClock(originNs);
  const send = (message: FromClient) => port.postMessage(message);
  const observe: ClientEventSink = (name, data) => send({ type: 'event', name, atUs: clock.nowUs(), data });
  const adapter = await openAdapter(spec, observe, client, endThread);
  const loads = new Map<number, PromiseWithResolvers<string>>();
  const stopWatching = watchLoop(observe);

  const load = (id: number): Promise<string> => {
    const loading = Promise.withResolvers<string>();
    loads.set(id, loading);
    send({ type: 'load', id });
    return loading.promise;
  };
  const act = async (message: Exclude<ToClient, { type: 'loaded' | 'load-failed' }>) => {
    if (message.type === 'ready') await adapter.ready();
    else if (message.type === 'call') {
      const call = adapter[message.call] as (...args: readonly unknown[]) => ReturnType<Adapter['get']>;
      return call(...message.args);
    } else if (message.type === 'compute') return adapter.getOrCompute(message.key, () => load(message.id));
    else {
      stopWatching();
      await adapter.close();
    }
    return { source: 'redis' } as const;
  };

  port.on('message', (message: ToClient) => {
    const { id } = message;
    if (message.type === 'loaded') loads.get(id)?.resolve(message.value);
    else if (message.type === 'load-failed') loads.get(id)?.reject(new Error(message.message));
    else {
      const kind =
        message.type === 'call' ? message.kind : message.type === 'compute' ? 'getOrCompute' : 'ping';
      act(message).then(
        // Payloads are not copied: the generator's thread uses only their tags.
        (answer) =>
          send({ type: 'answer', id, answer: { ...answer, atUs: clock.nowUs(), ...tagsOf(answer) } }),
        (error: unknown) =>
          send({ type: 'failure', id, failure: { ...adapter.failure(kind, error), atUs: clock.nowUs() } }),
      );
      return;
    }
    loads.delete(id);
  });
  send({
    type: 'opened',
    durable: adapter.durable,
    deletes: adapter.delete !== undefined,
    encoding: adapter.encoding,
    prefix: adapter.physicalKey(PROBE_KEY).slice(0, -PROBE_KEY.length),
    thread: schedstatPath(),
  });
}

/** Ends the thread with an error, which makes the generator and the trial fail as well. */
function endThread(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

/** Reports the delay of this thread's event loop once per second; returns a function that stops the reports. */
function watchLoop(observe: ClientEventSink): () => void {
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loop.enable();
  // The histogram measures the time from tick to tick, so the resolution is part of each value.
  const delayMs = (ns: number) => Math.max(0, Math.round(ns / 1e4) / 100 - RESOLUTION_MS);
  const timer = setInterval(() => {
    if (loop.max > 0)
      observe('loop-delay', { p99Ms: delayMs(loop.percentile(99)), maxMs: delayMs(loop.max) });
    loop.reset();
  }, LOOP_DELAY_EVERY_MS);
  return () => {
    clearInterval(timer);
    loop.disable();
  };
}
