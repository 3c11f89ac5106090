/**
 * Replaces nodes of a running environment one after the other, on every substrate.
 *
 *   all healthy? ─▶ next node: a replica ──────────────────────▶ replace ─▶ wait until it is in sync ─┐
 *        ▲                     a master ─▶ planned switchover ─▶ replace it as a replica ─▶ wait ─────┤
 *        │                     a sentinel ─────────────────────▶ replace ─▶ wait until it is counted ─┤
 *        └────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * A node is replaced only while all others are healthy, so that at most one is missing. A node that is down and differs
 * from the configuration is replaced first. Roles are read before each step: a failover between two steps changes the
 * order, not the rule. An interruption leaves at most the marked node unfinished, and the next call begins with it.
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import { waitWhile } from '../../host/wait.ts';
import type { Environment } from '../../substrates/environment.ts';
import { clusterSwitchover } from '../cluster-switchover.ts';
import { type SwitchoverReport, switchover } from '../switchover.ts';
import type { RollingTarget } from './change.ts';
import { brokenNode, groupsOf, replicaLag, rollingProblem } from './health.ts';
import { type RollingStep, rollingSteps } from './order.ts';

export interface RollingOptions {
  /** Nodes to replace. */
  readonly nodeIds: readonly string[];
  /**
   * Maximum time, in ms, until a replaced node is in sync; default 600000, for a full synchronization of a large data
   * set.
   */
  readonly syncTimeoutMs?: number;
  readonly progress?: (line: string) => void;
  /** Called before each step; if it throws, the change is aborted. */
  readonly check?: () => Promise<unknown>;
  /** Stops the change before the next node; a node that is already being replaced is still started. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A planned switchover away from a master before its node was replaced. The times are absent if the previous master
 * could not synchronize with the new one and was therefore replaced at once: an earlier version cannot load the data of
 * a newer one.
 */
export type RollingSwitch = Pick<SwitchoverReport, 'from' | 'to'> & Partial<SwitchoverReport>;

export interface RollingReport {
  readonly replaced: readonly { readonly nodeId: string; readonly tookMs: number }[];
  readonly switches: readonly RollingSwitch[];
  readonly tookMs: number;
}

const SYNC_TIMEOUT_MS = 600_000;
/**
 * Time, in ms, after which a problem is reported. Sentinels exchange hello messages every 2 s, so short problems are
 * normal.
 */
const HEALTH_PATIENCE_MS = 5_000;
/**
 * Time, in ms, between two INFO of a sentinel (sentinel.c, SENTINEL_INFO_PERIOD). After a switchover, a sentinel may keep
 * its view of a replica for this time, and its leader may be busy for failover-timeout.
 */
const INFO_PERIOD_MS = 10_000;

/**
 * @throws KitError `ROLLING_REFUSED` if another node is not healthy (no other node was replaced); `NOT_HEALTHY` if a
 *   replaced node does not become healthy; `SWITCHOVER_FAILED`. A second call continues the change.
 */
export async function roll(target: RollingTarget, options: RollingOptions): Promise<RollingReport> {
  const startedAt = performance.now();
  const change = new Roll(target, options);
  await change.run();
  return { replaced: change.replaced, switches: change.switches, tookMs: elapsedSince(startedAt) };
}

class Roll {
  readonly replaced: { readonly nodeId: string; readonly tookMs: number }[] = [];
  readonly switches: RollingSwitch[] = [];
  readonly #target: RollingTarget;
  readonly #environment: Environment;
  readonly #options: RollingOptions;
  readonly #pending: Set<string>;

  constructor(target: RollingTarget, options: RollingOptions) {
    this.#target = target;
    this.#environment = target.environment;
    this.#options = options;
    this.#pending = new Set(options.nodeIds);
  }

  async run(): Promise<void> {
    await this.#completeUnfinished();
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const broken = await this.#awaitHealthy();
      await this.#options.check?.();
      const step = broken ?? (await this.#nextStep());
      if (step === undefined) return;
      if (step.switchesFirst) await this.#switchFrom(step.nodeId);
      await this.#replace(step.nodeId);
    }
  }

  /** If the environment is not healthy, returns the step that repairs it. @throws KitError `ROLLING_REFUSED` */
  async #awaitHealthy(): Promise<Pick<RollingStep, 'nodeId' | 'switchesFirst'> | undefined> {
    try {
      await this.#requireHealthy();
      return undefined;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      const nodeId = await brokenNode(this.#environment, this.#pending).catch(() => undefined);
      if (nodeId === undefined) throw error;
      this.#say(`${nodeId} is not healthy, and is replaced first`);
      return { nodeId, switchesFirst: false };
    }
  }

  /**
   * Completes an interrupted change: starts the node that it had stopped, or waits for the node that it had started.
   */
  async #completeUnfinished(): Promise<void> {
    const { mark } = this.#target;
    const nodeId = mark?.read();
    const found = (await this.#environment.status()).find(({ id }) => id === nodeId);
    if (nodeId === undefined || found === undefined) return;
    this.#say(`${nodeId}: continuing after an interruption`);
    if (found.state === 'stopped') {
      await this.#requireHealthy(nodeId);
      return await this.#replace(nodeId);
    }
    await this.#awaitBack(nodeId);
    mark?.write(undefined);
  }

  async #nextStep(): Promise<RollingStep | undefined> {
    const sentinels = this.#environment.topology.sentinels.map(({ id }) => id);
    const [step] = rollingSteps(this.#pending, await groupsOf(this.#environment), sentinels);
    if (step !== undefined || this.#pending.size === 0) return step;
    const missing = [...this.#pending].join(', ');
    throw notHealthy(this.#environment, `no shard reports ${missing}`, this.replaced.length);
  }

  async #replace(nodeId: string): Promise<void> {
    const startedAt = performance.now();
    this.#say(`replacing ${nodeId}`);
    this.#target.mark?.write(nodeId);
    await this.#target.replaceNode(nodeId, (line) => this.#say(line));
    await this.#awaitBack(nodeId);
    this.#target.mark?.write(undefined);
    this.#pending.delete(nodeId);
    const tookMs = elapsedSince(startedAt);
    this.replaced.push({ nodeId, tookMs });
    this.#say(`${nodeId} is replaced and healthy after ${tookMs} ms`);
  }

  async #switchFrom(master: string): Promise<void> {
    const { signal } = this.#options;
    const options = { progress: (line: string) => this.#say(line), ...(signal && { signal }) };
    try {
      this.switches.push(
        this.#environment.cluster === undefined
          ? await switchover(this.#environment, options)
          : await clusterSwitchover(this.#environment, master, options),
      );
    } catch (error) {
      signal?.throwIfAborted();
      const groups = await groupsOf(this.#environment).catch(() => []);
      const to = groups.find(({ replicas }) => replicas.includes(master))?.master;
      if (to === undefined) throw error;
      // An earlier version cannot copy the data of a newer one. The node is replaced next.
      this.switches.push({ from: master, to });
      this.#say(`${master} is no longer the master and is not in sync; it is replaced now`);
    }
    const { failoverTimeoutMs } = this.#environment.topology.environment.sentinel;
    await this.#requireHealthy(master, failoverTimeoutMs + INFO_PERIOD_MS + HEALTH_PATIENCE_MS);
  }

  async #requireHealthy(except?: string, timeoutMs = HEALTH_PATIENCE_MS): Promise<void> {
    const { signal } = this.#options;
    const what = 'all nodes to be healthy';
    let last: string | undefined;
    await waitWhile({ what, timeoutMs, intervalMs: 50, signal }, async () => {
      last = await rollingProblem(this.#environment, except).catch((error: Error) => error.message);
      return last;
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw notHealthy(this.#environment, last ?? String(error), this.replaced.length);
    });
  }

  async #awaitBack(nodeId: string): Promise<void> {
    const { signal, syncTimeoutMs = SYNC_TIMEOUT_MS } = this.#options;
    const what = `${nodeId} to be in sync, and all nodes to be healthy`;
    let reported: string | undefined;
    await waitWhile({ what, timeoutMs: syncTimeoutMs, intervalMs: 50, signal }, async () => {
      const problem =
        (await rollingProblem(this.#environment)) ?? (await replicaLag(this.#environment, nodeId));
      if (problem !== undefined && problem !== reported) this.#say(`waiting for ${nodeId}: ${problem}`);
      reported = problem;
      return problem;
    });
  }

  #say(line: string): void {
    this.#options.progress?.(line);
  }
}

const elapsedSince = (startedAt: number): number => Math.round(performance.now() - startedAt);

function notHealthy({ name, topology }: Environment, problem: string, replaced: number): KitError {
  return new KitError(`no node is replaced while another one is not healthy: ${problem}`, {
    code: 'ROLLING_REFUSED',
    exitCode: EXIT.UNKNOWN,
    where: name,
    hint: `${replaced === 0 ? 'nothing was replaced' : `${replaced} replaced so far`}; repair that node (kit status ${environmentFlags(topology.environment)}), then run kit apply again, which continues`,
  });
}
