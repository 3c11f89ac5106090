/**
 * Makes the replicas lag, so that a fault has data to lose: a write that was acknowledged without waiting for a replica
 * is then only on the master.
 *
 * on ─▶ every replica follows the master through a proxy that delays the stream; confirmations are not delayed
 * hold ─▶ no more data arrives; the links stay up, so that the master continues as in normal operation
 * onFault ─▶ the links of a killed master are cut, with data in flight; those of a hung master stay open, as without a
 *            proxy: with cut links, the master would detect on its return that it has no replicas, and refuse the
 *            writes that the drill expects it to acknowledge
 * end ─▶ if the master is unchanged, the replicas follow it as before; otherwise the sentinels reconfigure them
 *
 * Sentinel corrects a replica that follows another address only after failover-timeout; a lag is shorter.
 */

import { parseInfo } from '../../infra/redis/info.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Address } from '../../infra/topology.ts';
import type { ScheduledFault } from '../drills/drill.ts';
import { type FaultProxy, startProxy } from '../faults/proxy/index.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import { pause, waitUntil } from '../wait.ts';

const LINK_BOUND_MS = 5_000;

export interface Lag {
  hold(): Promise<void>;
  onFault(isGone: boolean): Promise<void>;
  /** Ends the lag. Safe to call twice, and in any state. */
  end(): Promise<void>;
}

export interface LagsOptions {
  readonly environment: Environment;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Lags {
  /**
   * Starts the lag of a scheduled fault when it is due. Returns undefined if no lag is requested or possible: the fault
   * is then injected anyway, and its checker finds no exposed write.
   */
  before(scheduled: ScheduledFault, startUs: number): Promise<Lag | undefined>;
  /** Ends all lags. */
  end(): Promise<void>;
}

/** Opens the lags of one trial, and records their start and end in its history. */
export function openLags({ environment, recorder, clock, progress, signal }: LagsOptions): Lags {
  const made = new Set<Lag>();
  const observe = (data: Readonly<Record<string, string | number>>) =>
    recorder.record({ type: 'observe', from: 'drill', name: 'lag', atUs: clock.nowUs(), data });
  return {
    async before({ lag }, startUs) {
      if (lag === undefined) return undefined;
      await pause(Math.max(0, lag.fromMs - (clock.nowUs() - startUs) / 1_000), signal);
      try {
        const lagging = await lagReplicas(environment, { latencyMs: lag.latencyMs, signal });
        made.add(lagging);
        observe({ phase: 'on', latencyMs: lag.latencyMs });
        const onFault = async (isGone: boolean) => {
          await lagging.onFault(isGone);
          observe({ phase: 'off' });
        };
        return { ...lagging, onFault };
      } catch (error) {
        signal.throwIfAborted();
        progress(`cannot delay replication: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    },
    async end() {
      for (const lag of made) await lag.end();
    },
  };
}

export async function lagReplicas(
  environment: Environment,
  options: { readonly latencyMs: number; readonly signal: AbortSignal },
): Promise<Lag> {
  const masterId = await environment.masterId();
  const nodes = await environment.status();
  const master = nodes.find(({ id }) => id === masterId);
  if (master === undefined) throw new Error('there is no master whose replicas could lag');
  const replicas = environment.topology.redis.map(({ id }) => id).filter((id) => id !== masterId);
  const announced = master.announced ?? master.address;
  const host = environment.gateway ?? master.address.host;
  const proxy = await startProxy(master.address, { host });
  let ended: Promise<void> | undefined;
  const lag: Lag = {
    hold: () => proxy.add('hold', { type: 'timeout', attributes: { timeout: 0 } }),
    onFault: async (isGone) => {
      if (isGone) await proxy.down();
    },
    end() {
      ended ??= restoreReplication(environment, proxy, { masterId: master.id, announced, replicas });
      return ended;
    },
  };
  try {
    // One replica at a time: a master whose replicas are all unreachable refuses writes (min-replicas-to-write).
    for (const id of replicas) await makeFollow(environment, id, proxy.address, options.signal);
    await proxy.add('lag', { type: 'latency', attributes: { latency: options.latencyMs } });
    return lag;
  } catch (error) {
    await lag.end();
    throw error;
  }
}

async function makeFollow(
  environment: Environment,
  replica: string,
  { host, port }: Address,
  signal?: AbortSignal,
): Promise<void> {
  await (await environment.admin(replica)).replicaof(host, port);
  const isLinked = async () => {
    const info = parseInfo(await (await environment.admin(replica)).info('replication'));
    return info.master_port === String(port) && info.master_link_status === 'up';
  };
  const what = `${replica} to follow ${host}:${port}`;
  await waitUntil(what, isLinked, { boundMs: LINK_BOUND_MS, everyMs: 10, ...(signal && { signal }) });
}

async function restoreReplication(
  environment: Environment,
  proxy: FaultProxy,
  was: { readonly masterId: string; readonly announced: Address; readonly replicas: readonly string[] },
): Promise<void> {
  const { port } = proxy.address;
  await proxy[Symbol.asyncDispose]();
  if ((await environment.masterId()) !== was.masterId) return;
  for (const id of was.replicas) {
    const info = parseInfo(await (await environment.admin(id)).info('replication'));
    if (info.master_port === String(port)) await makeFollow(environment, id, was.announced);
  }
}
