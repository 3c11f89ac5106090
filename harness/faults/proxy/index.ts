/**
 * The fault proxy, started as a separate process so that the harness's event loop does not delay it.
 *
 *   await using proxy = await startProxy(masterAddress);
 *   await proxy.add('slow', { type: 'latency', attributes: { latency: 300 } });
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import type { Address } from '../../../infra/topology.ts';
import { withTimeout } from '../../wait.ts';
import type { ProxyCommand, ProxyReply, ProxyRequest } from './process.ts';
import type { Toxic, Traffic } from './toxic.ts';

export type { Toxic } from './toxic.ts';

/** Time limit for each reply; includes the start of the proxy's process. */
const BOUND = { boundMs: 15_000 };

export interface FaultProxy extends AsyncDisposable {
  /** Address that clients connect to. */
  readonly address: Address;
  readonly pid: number;
  add(name: string, toxic: Toxic): Promise<void>;
  remove(name: string): Promise<void>;
  /** Refuses new connections and resets existing ones. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Removes every toxic and accepts connections. */
  reset(): Promise<void>;
  traffic(): Promise<Traffic>;
}

/**
 * Starts a proxy in front of `upstream`, on a free port of the upstream's host, for which the server's certificate is
 * issued.
 */
export async function startProxy(
  upstream: Address,
  options: { readonly host?: string } = {},
): Promise<FaultProxy> {
  const child = fork(fileURLToPath(moduleUrl('./process', import.meta.url)), [], {
    execArgv: [],
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let requests = 0;

  const ask = async (command: ProxyCommand): Promise<ProxyReply> => {
    const id = ++requests;
    const { promise, resolve, reject } = Promise.withResolvers<ProxyReply>();
    const listener = (reply: ProxyReply) => {
      if (reply.id === id) resolve(reply);
    };
    child.on('message', listener);
    exited.then(() => reject(new KitError('the fault proxy exited unexpectedly', { code: 'PROXY_FAILED' })));
    child.send({ id, command } satisfies ProxyRequest, (error) => error && reject(error));
    try {
      const reply = await withTimeout(`the fault proxy to ${command.do}`, promise, BOUND);
      if (reply.error !== undefined) {
        throw new KitError(`the fault proxy cannot ${command.do}: ${reply.error}`, {
          code: 'PROXY_FAILED',
          where: `${upstream.host}:${upstream.port}`,
        });
      }
      return reply;
    } finally {
      child.off('message', listener);
    }
  };
  const end = async () => {
    if (child.connected) child.disconnect();
    await withTimeout('the fault proxy to end', exited, BOUND).catch(() => child.kill('SIGKILL'));
  };

  try {
    const { address } = await ask({ do: 'listen', upstream, ...options });
    if (address === undefined) throw new KitError('the fault proxy has no address', { code: 'PROXY_FAILED' });
    return {
      address,
      pid: child.pid ?? 0,
      add: async (name, toxic) => void (await ask({ do: 'add', name, toxic })),
      remove: async (name) => void (await ask({ do: 'remove', name })),
      down: async () => void (await ask({ do: 'enable', enabled: false })),
      up: async () => void (await ask({ do: 'enable', enabled: true })),
      reset: async () => void (await ask({ do: 'reset' })),
      traffic: async () => (await ask({ do: 'count' })).traffic ?? { connections: 0, bytes: 0 },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
