/**
 * Changes the master deliberately, without losing an acknowledged write.
 *
 *   1. shortly before the next tick of a sentinel's timer, the master pauses writes (CLIENT PAUSE … WRITE)
 *   2. every replica catches up with the master
 *   3. the sentinels promote a replica (SENTINEL FAILOVER)
 *   4. once that node reports ROLE master, all others follow it; waiting writes get READONLY: certainly not applied
 *   5. the sentinels agree
 *
 * SENTINEL FAILOVER alone skips 1, 2 and 4: the old master acknowledges writes for another second, and loses them. A
 * switchover that fails before step 3 leaves the old master writable. After step 3 the old master is unpaused only if the
 * failover has ended without a promotion. Otherwise its writes would be lost: they stay blocked until the pause expires,
 * and Sentinel demotes the node before that.
 */
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import { waitWhile } from '../host/wait.ts';
import { ownConnection, reopened } from '../redis/own-connection.ts';
import { fieldsOf, infoOf } from '../redis/reply.ts';
import { beforeTick } from '../redis/sentinel-timer.ts';
import { type Environment, RECENT } from '../substrates/environment.ts';
import type { Address, TopologyNode } from '../topology.ts';

/**
 * Time, in ms, from the pause until a sentinel has received the request: 8 ms with TLS and local processes, plus a
 * margin.
 */
const LEAD_MS = 20;
/** Duration of TILT mode, in ms (sentinel.c, sentinel_tilt_period). */
const TILT_MS = 30_000;

export interface SwitchoverOptions {
  /**
   * Time limit for each step, in ms; the pause lasts no longer than all steps together. Default 5000. The waits
   * for sentinels, before the pause and at the end, may take failoverTimeoutMs longer, and the one for the end of TILT
   * mode 30 s longer.
   */
  readonly stepTimeoutMs?: number;
  /**
   * Aborts the switchover as long as no failover has begun: a partial switchover would be worse than a complete one.
   */
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
}

export interface SwitchoverReport {
  readonly from: string;
  readonly to: string;
  /** Time, in ms, from the pause until the new master accepts writes and the old one follows it. */
  readonly tookMs: number;
  /** Time, in ms, from the pause until the new master accepts writes. */
  readonly writableMs: number;
  /** Time, in ms, from the pause until the old master is a replica in sync. */
  readonly demotedMs: number;
  /**
   * Time, in ms, from the pause until all sentinels report the new master. A client that queries only the sentinels
   * waits for this time. In a cluster: until all nodes report the new master and its replicas.
   */
  readonly agreedMs: number;
}

/**
 * Changes the master. @throws KitError `SWITCHOVER_FAILED` with the failed step; the environment still has exactly one
 * master
 */
export async function switchover(
  environment: Environment,
  options: SwitchoverOptions = {},
): Promise<SwitchoverReport> {
  if (environment.cluster !== undefined) {
    throw switchoverFailed(
      'a cluster has several masters: use clusterSwitchover with the master of the shard',
    );
  }
  const from = await environment.masterId();
  if (from === undefined) throw switchoverFailed('exactly one master is required');
  // A stopped replica is never chosen; a paused one can be chosen until the sentinels detect that it is down.
  const paused = (await environment.status()).find(({ state }) => state === 'paused');
  if (paused !== undefined) throw switchoverFailed(`${paused.id} is paused`);
  const ids = await runningNodes(environment, environment.topology.redis);
  const others = ids.filter((id) => id !== from);
  if (others.length === 0 || environment.topology.sentinels.length === 0) {
    throw switchoverFailed('a running replica and sentinels are required');
  }
  return new Switchover(environment, from, others, options).run();
}

class Switchover {
  readonly #environment: Environment;
  readonly #from: string;
  readonly #others: readonly string[];
  readonly #stepTimeoutMs: number;
  readonly #pauseMs: number;
  readonly #options: SwitchoverOptions;
  #startedAt = 0;
  #failoverBegun = false;

  constructor(environment: Environment, from: string, others: readonly string[], options: SwitchoverOptions) {
    this.#environment = environment;
    this.#from = from;
    this.#others = others;
    this.#stepTimeoutMs = options.stepTimeoutMs ?? 5_000;
    this.#pauseMs = 4 * this.#stepTimeoutMs;
    this.#options = options;
  }

  async run(): Promise<SwitchoverReport> {
    // The shared connection may be waiting for a write that the pause blocks.
    const old = await ownConnection(await this.#environment.admin(this.#from));
    try {
      return await this.#switch(old);
    } finally {
      old.disconnect();
    }
  }

  async #switch(old: Redis): Promise<SwitchoverReport> {
    await this.#replicating();
    await this.#settled();
    await this.#notTilted();
    await this.#shortlyBeforeTick();
    this.#startedAt = performance.now();
    await old.call('CLIENT', 'PAUSE', this.#pauseMs, 'WRITE');
    let to: string | undefined;
    try {
      await this.#caughtUp(old);
      this.#say(`every replica has all writes of ${this.#from}`);
      await this.#askForFailover();
      to = await this.#promoted();
      this.#say(`${to} is master`);
      await this.#follow(old, to);
    } catch (error) {
      // No other node is master or will become master, so the old master accepts writes again.
      if (to === undefined && (await this.#isOver()) && (await this.#anyPromoted()) === undefined) {
        // If the connection is lost, the pause expires by itself.
        await reopened(old)
          .then((it) => it.call('CLIENT', 'UNPAUSE'))
          .catch(() => undefined);
      }
      throw error instanceof KitError ? error : switchoverFailed(String(error), error);
    }
    // The node is now a replica: writes that were waiting are refused, and the clients look for the new master.
    await this.#step(`${this.#from} to reject waiting writes`, async () => {
      await (await reopened(old)).call('CLIENT', 'UNPAUSE');
      return undefined;
    });
    const [writableMs, demotedMs] = await Promise.all([this.#writable(to), this.#demoted(old)]);
    const agreedMs = await this.#agreed(to);
    const tookMs = Math.max(writableMs, demotedMs);
    return { from: this.#from, to, tookMs, writableMs, demotedMs, agreedMs };
  }

  /**
   * Waits until every replica has a link to its master, because a replica without one could be promoted with old data.
   * After a previous switchover, a replica may still be connecting to the new master.
   */
  async #replicating(): Promise<void> {
    await this.#step('the links of the replicas', async () => {
      for (const id of this.#others) {
        const info = await replicationOf(await this.#environment.admin(id));
        if (info.get('master_link_status') !== 'up') return `${id} is not in sync with ${this.#from}`;
      }
      return undefined;
    });
  }

  /**
   * Waits until no sentinel is busy with a failover. The leader of the last failover is still busy after all sentinels
   * report the new master. If another one started a failover then, it would reconfigure the replicas that the leader is
   * waiting for, and the leader would keep its stale view until failover-timeout.
   */
  async #settled(timeoutMs = this.#sentinelsTimeoutMs): Promise<void> {
    const service = this.#environment.endpoints.serviceName;
    await this.#everySentinel('to complete the previous failover', timeoutMs, async (sentinel) => {
      const flags = fieldsOf(await sentinel.call('SENTINEL', 'MASTER', service)).get('flags');
      return flags === 'master' ? undefined : `has flags ${flags}`;
    });
  }

  /**
   * Waits until no sentinel is in TILT mode. For 30 s after a stall, a sentinel accepts SENTINEL FAILOVER, but performs it
   * only afterwards (sentinel.c, sentinelCheckTiltCondition).
   */
  async #notTilted(): Promise<void> {
    let isReported = false;
    await this.#everySentinel('to leave TILT mode', TILT_MS + this.#stepTimeoutMs, async (sentinel) => {
      const tilt = (await infoOf(sentinel, 'sentinel')).get('sentinel_tilt');
      if (tilt !== '1') return undefined;
      if (!isReported) this.#say('a sentinel is in TILT mode, which lasts 30 s: waiting');
      isReported = true;
      return 'is in TILT mode';
    });
  }

  /** Whether no failover was requested, or the requested one has ended before the pause has. */
  async #isOver(): Promise<boolean> {
    if (!this.#failoverBegun) return true;
    const restMs = Math.max(0, this.#pauseMs - this.#elapsedMs());
    return (await this.#settled(restMs).catch(() => 'busy')) === undefined;
  }

  /**
   * Waits until shortly before a tick. A promotion takes three ticks of the sentinel, and writes need not be paused
   * during the wait for the first one. Without a prediction the switchover is equally safe, but takes up to 100 ms
   * longer.
   */
  async #shortlyBeforeTick(): Promise<void> {
    const [first] = await this.#runningSentinels();
    if (first === undefined) return;
    const { signal } = this.#options;
    try {
      await beforeTick(await this.#environment.admin(first), LEAD_MS, signal);
    } catch {
      signal?.throwIfAborted();
    }
  }

  async #caughtUp(old: Redis): Promise<void> {
    const target = Number((await replicationOf(old)).get('master_repl_offset'));
    await this.#step('every replica to have all writes of the master', async () => {
      for (const id of this.#others) {
        const offset = Number(
          (await replicationOf(await this.#environment.admin(id))).get('slave_repl_offset'),
        );
        if (!(offset >= target)) return `${id} is at ${offset} of ${target}`;
      }
      return undefined;
    });
  }

  /**
   * Requests the failover from one sentinel after the other until one accepts. A sentinel needs no vote for this, and
   * refuses while another failover is in progress.
   */
  async #askForFailover(): Promise<void> {
    const service = this.#environment.endpoints.serviceName;
    await this.#step('a sentinel to start the failover', async () => {
      let refusal: string | undefined;
      for (const { id } of this.#environment.topology.sentinels) {
        // The first running sentinel is the one whose tick was awaited.
        try {
          await (await this.#environment.admin(id)).call('SENTINEL', 'FAILOVER', service);
          this.#failoverBegun = true;
          return undefined;
        } catch (error) {
          refusal = `${id}: ${(error as Error).message}`;
          // A sentinel that did not reply in time may still perform it.
          if (refusal.endsWith('Command timed out')) this.#failoverBegun = true;
        }
      }
      return refusal;
    });
  }

  async #promoted(): Promise<string> {
    let promoted: string | undefined;
    await this.#step('a replica to be promoted', async () => {
      promoted = await this.#anyPromoted();
      return promoted === undefined ? 'no node reports ROLE master' : undefined;
    });
    return promoted as string;
  }

  async #anyPromoted(): Promise<string | undefined> {
    const roles = await Promise.all(
      this.#others.map(async (id) => {
        const role = await (await this.#environment.admin(id)).call('ROLE').catch(() => []);
        return String((role as readonly unknown[])[0]) === 'master' ? id : undefined;
      }),
    );
    return roles.find((id) => id !== undefined);
  }

  /**
   * Makes the nodes follow the new master, starting with the old master, because it may still receive writes. Otherwise
   * Sentinel would reconfigure it a second later.
   */
  async #follow(old: Redis, to: string): Promise<void> {
    const { host, port } = await this.#address(to);
    await this.#step(`${this.#from} to replicate from ${to}`, async () => {
      await reopened(old);
      await old.call('REPLICAOF', host, port);
      for (const id of this.#others) {
        if (id !== to) await (await this.#environment.admin(id)).call('REPLICAOF', host, port);
      }
      return undefined;
    });
  }

  async #writable(to: string): Promise<number> {
    const wanted = this.#environment.topology.environment.redis.minReplicasToWrite;
    await this.#step(`${to} to accept writes`, async () => {
      const info = await replicationOf(await this.#environment.admin(to));
      const good = Number(info.get('min_slaves_good_slaves') ?? wanted);
      return info.get('role') === 'master' && good >= wanted ? undefined : `it counts ${good} good replicas`;
    });
    return this.#elapsedMs();
  }

  async #demoted(old: Redis): Promise<number> {
    await this.#step(`${this.#from} to be a synchronized replica`, async () => {
      const info = await replicationOf(await reopened(old));
      const [role, link] = [info.get('role'), info.get('master_link_status')];
      return role === 'slave' && link === 'up' ? undefined : `role:${role} master_link_status:${link}`;
    });
    return this.#elapsedMs();
  }

  async #agreed(to: string): Promise<number> {
    const { host, port } = await this.#address(to);
    const service = this.#environment.endpoints.serviceName;
    await this.#everySentinel(`to report ${to}`, this.#sentinelsTimeoutMs, async (sentinel) => {
      const named = String(await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', service));
      return named === `${host},${port}` ? undefined : `reports ${named}`;
    });
    return this.#elapsedMs();
  }

  /** Time limit, in ms, for the sentinels to complete a failover. The nodes accept writes in the meantime. */
  get #sentinelsTimeoutMs(): number {
    return this.#stepTimeoutMs + this.#environment.topology.environment.sentinel.failoverTimeoutMs;
  }

  async #everySentinel(
    what: string,
    timeoutMs: number,
    problemOf: (sentinel: Redis) => Promise<string | undefined>,
  ): Promise<void> {
    const problem = async () => {
      for (const id of await this.#runningSentinels()) {
        const found = await problemOf(await this.#environment.admin(id));
        if (found !== undefined) return `${id} ${found}`;
      }
      return undefined;
    };
    await this.#step(`the sentinels ${what}`, problem, timeoutMs);
  }

  async #runningSentinels(): Promise<readonly string[]> {
    return runningNodes(this.#environment, this.#environment.topology.sentinels);
  }

  /** Returns the announced address, which the nodes use to reach each other. */
  async #address(id: string): Promise<Address> {
    const status = (await this.#environment.status(RECENT)).find((node) => node.id === id);
    if (status === undefined) throw switchoverFailed(`${id} is not part of the environment`);
    return status.announced ?? status.address;
  }

  #step(
    what: string,
    missing: () => Promise<string | undefined>,
    timeoutMs = this.#stepTimeoutMs,
  ): Promise<void> {
    const signal = this.#failoverBegun ? undefined : this.#options.signal;
    return waitWhile({ what, timeoutMs, intervalMs: 5, signal }, missing).catch((error) => {
      throw switchoverFailed(error instanceof Error ? error.message : String(error), error);
    });
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  #say(line: string): void {
    this.#options.progress?.(line);
  }
}

async function runningNodes(
  environment: Environment,
  nodes: readonly TopologyNode[],
): Promise<readonly string[]> {
  const status = await environment.status(RECENT);
  return nodes
    .map(({ id }) => id)
    .filter((id) => status.some((it) => it.id === id && it.state === 'running'));
}

const replicationOf = (redis: Redis) => infoOf(redis, 'replication');

/** Builds the error for a switchover that was refused or did not complete. */
export function switchoverFailed(why: string, cause?: unknown): KitError {
  return new KitError(`switchover refused: ${why}`, {
    code: 'SWITCHOVER_FAILED',
    hint: 'check kit status, and retry when all nodes are in sync',
    exitCode: EXIT.UNKNOWN,
    cause,
  });
}
