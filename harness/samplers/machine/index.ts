/**
 * Samples the machine during a run: one thread per run, one history file per trial. The main thread reports which
 * processes to sample, and reports a node's new process after a restart.
 */
import { Worker } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import { type Environment, type NodeStatus, RECENT } from '../../../infra/substrates/environment.ts';
import type { Clock } from '../../history/clock.ts';
import { waitUntil, withTimeout } from '../../wait.ts';
import type { ControlTarget } from './control.ts';
import { findForwarder, findServer } from './processes.ts';
import type { FromWatch, ToWatch, WatchedThreads } from './protocol.ts';

/**
 * Time limit, in ms, for each reply of the thread; includes its start, its connections, and the write of its last records
 * to the disk.
 */
const ANSWER_BOUND_MS = 30_000;
/** Maximum wait, in ms, for the new process of a node that was killed. */
const RETURN_BOUND_MS = 60_000;
const LOOK_EVERY_MS = 250;
/** Interval between PINGs: 50 per second give 400 round trips in the 8 s of a `quick` load. */
const CONTROL_EVERY_MS = 20;
/** Interval on an external Redis: 20 PINGs per second, in addition to at most 600 commands per second of load. */
const SHARED_CONTROL_EVERY_MS = 50;

export interface WatchedTrial {
  /** Adds the threads of generators and clients. */
  watch(threads: WatchedThreads): void;
  /** Ends the sampling. @throws KitError HISTORY_NOT_WRITTEN */
  stop(): Promise<void>;
}

export interface MachineWatch extends AsyncDisposable {
  /** Starts sampling a trial; only one trial is sampled at a time. */
  begin(environment: Environment, clock: Clock, historyPath: string): Promise<WatchedTrial>;
}

/** Starts the thread; disposing ends it. */
export function openMachineWatch(): MachineWatch {
  const worker = new Worker(moduleUrl('./thread', import.meta.url), { name: 'machine', execArgv: [] });
  worker.unref();
  const sendToThread = (message: ToWatch) => worker.postMessage(message);
  const nextMessage = <T extends FromWatch['type']>(type: T) => nextMessageFrom(worker, type);
  let over: AbortController | undefined;
  return {
    async begin(environment, clock, historyPath) {
      const nodes = await environment.status();
      const threads = threadsOf(nodes);
      const { control, node } = await controlOf(environment, nodes);
      const begun = nextMessage('begun');
      const controlForwarder = control && findForwarder(control.address);
      const request = {
        historyPath,
        originNs: clock.originNs,
        control,
        controlThread: node,
        controlForwarder,
      };
      sendToThread({
        type: 'begin',
        request: { ...request, threads: { main: '/proc/self/schedstat', ...threads } },
      });
      await begun;
      over = new AbortController();
      const { signal } = over;
      const onGone = (message: FromWatch) => {
        if (message.type === 'gone')
          void threadAfterRestart(environment, message.name, signal).then(watchAgain);
      };
      const watchAgain = (found: WatchedThreads | undefined) => {
        if (found !== undefined && !signal.aborted) sendToThread({ type: 'threads', threads: found });
      };
      worker.on('message', onGone);
      return {
        watch: (more) => sendToThread({ type: 'threads', threads: more }),
        async stop() {
          over?.abort();
          worker.off('message', onGone);
          const ended = nextMessage('ended');
          sendToThread({ type: 'end' });
          const { error } = await ended;
          if (error !== undefined) throw new KitError(error, { code: 'HISTORY_NOT_WRITTEN' });
        },
      };
    },
    async [Symbol.asyncDispose]() {
      over?.abort();
      await worker.terminate();
    },
  };
}

/** Returns the next message of the given type, within a time limit. */
async function nextMessageFrom<T extends FromWatch['type']>(
  worker: Worker,
  type: T,
): Promise<Extract<FromWatch, { type: T }>> {
  const { promise, resolve, reject } = Promise.withResolvers<Extract<FromWatch, { type: T }>>();
  const listener = (message: FromWatch) => {
    if (message.type === type) resolve(message as Extract<FromWatch, { type: T }>);
  };
  const onError = (error: unknown) => reject(error instanceof Error ? error : new Error('its thread ended'));
  worker.on('message', listener);
  worker.once('error', onError);
  worker.once('exit', onError);
  try {
    return await withTimeout(`the thread that samples the machine to report '${type}'`, promise, {
      boundMs: ANSWER_BOUND_MS,
    });
  } finally {
    worker.off('message', listener);
    worker.off('error', onError);
    worker.off('exit', onError);
  }
}

/** For each visible server process, returns the main thread, which runs the commands. */
function threadsOf(nodes: readonly NodeStatus[]): WatchedThreads {
  return Object.fromEntries(
    nodes.flatMap(({ id, pid }) => {
      const server = pid === undefined ? undefined : findServer(pid);
      return server === undefined ? [] : [[id, `/proc/${server}/schedstat`]];
    }),
  );
}

/** Returns the new process of a node; undefined if there is none within the time limit. */
async function threadAfterRestart(
  environment: Environment,
  node: string,
  signal: AbortSignal,
): Promise<WatchedThreads | undefined> {
  try {
    return await waitUntil(
      `${node} to run again`,
      async () => {
        const found = threadsOf((await environment.status(RECENT)).filter(({ id }) => id === node));
        return Object.keys(found).length > 0 && found;
      },
      { boundMs: RETURN_BOUND_MS, everyMs: LOOK_EVERY_MS, signal },
    );
  } catch {
    return undefined;
  }
}

/** Returns the current master and its login. */
async function controlOf(
  environment: Environment,
  nodes: readonly NodeStatus[],
): Promise<{ readonly control: ControlTarget | undefined; readonly node: string | undefined }> {
  const node = await masterOf(environment).catch(() => undefined);
  const address = nodes.find(({ id }) => id === node)?.address;
  if (address === undefined) return { control: undefined, node: undefined };
  const { app, tls, shared } = environment.endpoints;
  const password = app.password.reveal();
  const key = tls?.key?.reveal();
  return {
    node,
    control: {
      address,
      ...(password !== '' && { login: { username: app.username, password } }),
      ...(tls !== undefined && {
        tls: {
          ca: tls.ca,
          ...(tls.cert !== undefined && { cert: tls.cert }),
          ...(key !== undefined && { key }),
        },
      }),
      everyMs: shared === true ? SHARED_CONTROL_EVERY_MS : CONTROL_EVERY_MS,
    },
  };
}

async function masterOf(environment: Environment): Promise<string | undefined> {
  const shards = await environment.cluster?.shards();
  return shards === undefined ? environment.masterId() : shards[0]?.master;
}
