/**
 * A scripted workload: steps in a fixed order that record expected and actual values (`expect` events). It never
 * judges: an expectation that is not met is recorded like the others, and the script continues.
 *
 * Scripts run in the harness's own process: they need the Environment, and none of them generates load.
 */
import type { Redis } from 'ioredis';
import type { Cache } from '../../../client/index.ts';
import type { BackupManifest } from '../../../config/backup-manifest.ts';
import type { Environment, Heal } from '../../../infra/substrates/environment.ts';
import type { Address } from '../../../infra/topology.ts';
import type { FaultProxy } from '../../faults/proxy/index.ts';
import type { Clock } from '../../history/clock.ts';
import type { ExpectationEvent, HistoryEvent, Json } from '../../history/events.ts';
import type { ClientSpec } from '../adapter.ts';
import type { CallerProcess } from '../calls/child.ts';
import type { ClientModule } from '../client-module.ts';
import type { WrittenKey } from '../issuer.ts';
import type { CacheOverrides, OpenOverrides } from '../kit.ts';
import type { Parameters, Resolved } from '../parameters.ts';
import type { Random } from '../random.ts';
import type { AlertWatch } from './alert-watch.ts';
import type { Operations } from './operations.ts';

export interface ScriptContext<P extends Parameters = Parameters> {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly parameters: P;
  readonly random: Random;
  /** Tag that is unique to the trial; the middle part of every key. */
  readonly tag: string;
  readonly spec: ClientSpec;
  /** The client under test, as a module: scripts take its exports from here. */
  readonly client: ClientModule;
  readonly signal: AbortSignal;
  /**
   * Whether Redis is external. If so, the script uses only the run's own keys, sets a TTL on all of them, and sends no
   * global command.
   */
  readonly shared: boolean;
  readonly record: (event: HistoryEvent) => void;
  /**
   * Waits until a condition holds, such as a value that is stored in the background, and returns whether it does. After
   * a wait that has timed out, the later ones are short (`openConditionWaits`), so this is for conditions whose absence is a
   * failed expectation.
   */
  awaitCondition(what: string, look: () => Promise<boolean>, boundMs: number): Promise<boolean>;
  /** Records an expected and an actual value. */
  expect(
    id: string,
    what: string,
    seen: Pick<ExpectationEvent, 'relation' | 'expected' | 'actual' | 'unit'>,
  ): void;
  /**
   * Opens the kit's client on the environment, or through a proxy in front of it. The client is closed at the end of
   * the trial.
   */
  open(overrides?: OpenOverrides, through?: MasterProxy): Cache;
  /** Closes a cache before the end of the script; the closing phase leaves it out. */
  retire(cache: Cache): ReturnType<Cache['close']>;
  /**
   * Starts a process with its own cache on the environment and with additional environment variables; the process ends
   * with the trial.
   */
  startProcess(
    name: string,
    overrides?: CacheOverrides,
    env?: Readonly<Record<string, string>>,
  ): Promise<CallerProcess>;
  /**
   * Starts a fault proxy in front of the master; in a cluster one in front of each master, controlled as one. The
   * proxies end with the trial.
   */
  proxyBeforeMaster(): Promise<MasterProxy>;
  /**
   * Injects a fault (a file in `harness/faults/`) into the nodes, by default into every master, and records it. Returns
   * a function that heals the fault; at the end of the trial, the fault is healed in any case.
   */
  inject(fault: string, nodes?: readonly string[]): Promise<Heal>;
  /**
   * Writes the data of the environment to an archive, as `kit backup` does. The archive is removed at the end of the
   * trial.
   *
   * @throws KitError `BACKUP_REFUSED`, `SNAPSHOT_FAILED`
   */
  backUp(): Promise<EnvironmentBackup>;
  /** The operations of the runbook. */
  readonly operations: Operations;
  /**
   * Starts Prometheus, Alertmanager and an exporter with the alert rules of the environment, in which every duration is
   * shortened to scrapes of 1 s. They end with the trial, and send no notification.
   *
   * @param application address that serves the metrics of a cache
   * @throws KitError `OBSERVABILITY_PROGRAM_MISSING`, `WAIT_TIMEOUT`
   */
  watchAlerts(application: Address): Promise<AlertWatch>;
  /**
   * Returns the path for a file that is kept with the logs of the run and is not judged, such as a report of another
   * program.
   */
  artifactPath(name: string): string;
  /** Registers physical keys for removal at the end of the trial. */
  remember(...keys: readonly string[]): void;
  /** Waits until every replica has all data of the master. */
  caughtUp(): Promise<void>;
  /** Reads the keys directly from every node, and records them in the history. */
  readAllNodes(keys: readonly WrittenKey[]): Promise<void>;
  /** Returns the id of the current master, or in a cluster of one of them; waits for the end of a failover. */
  masterId(): Promise<string>;
  /**
   * Runs idempotent commands on every Redis node, and returns the results by node id. Repeats them after a connection
   * error, because a switchover closes connections, also shortly after its end.
   */
  onEachNode<T>(
    act: (redis: Redis) => Promise<T>,
    options?: { readonly afterInterrupt?: boolean },
  ): Promise<Readonly<Record<string, T>>>;
  /** Returns an admin connection to the current master; in a cluster, to the master of the physical key. */
  masterOf(key: string): Promise<Redis>;
  /** Returns admin connections to every master: one, or in a cluster one per shard. */
  masters(): Promise<readonly Redis[]>;
}

/** An archive of the environment. */
export interface EnvironmentBackup {
  readonly manifest: BackupManifest;
  /**
   * Removes all keys of the environment and writes the keys in the archive, as `kit restore` does.
   *
   * @throws KitError `RESTORE_REFUSED`, `RESTORE_INCOMPLETE`
   */
  restore(): Promise<RestoredBackup>;
  /**
   * Restores the archive into scratch servers, and compares every key, as `kit backup verify` does.
   *
   * @returns number of compared keys
   * @throws KitError `BACKUP_DAMAGED`, `BACKUP_DIFFERS`
   */
  verify(): Promise<number>;
}

export interface RestoredBackup {
  readonly restored: number;
  /** Number of keys that a client wrote during the restore. */
  readonly kept: number;
  /**
   * Number of keys in the archive that were compared with the environment afterwards; `different` is the number of keys
   * that differ.
   */
  readonly compared: number;
  readonly different: number;
}

/** Proxies in front of every master to which a client may be redirected. */
export interface MasterProxy extends Pick<FaultProxy, 'add' | 'remove' | 'down' | 'reset' | 'traffic'> {
  /** Seed addresses of a client. */
  readonly addresses: readonly Address[];
  /** Maps each address that a cluster reports to the proxy in front of it. */
  readonly natMap?: Readonly<Record<string, Address>>;
}

export interface ScriptedWorkload {
  readonly kind: 'scripted';
  readonly name: string;
  readonly defaults: Parameters;
  run(context: ScriptContext): Promise<void>;
}

/** Defines a scripted workload whose script reads its parameters by name. */
export function defineScript<const P extends Parameters>(workload: {
  readonly name: string;
  readonly defaults: P;
  run(context: ScriptContext<Resolved<P>>): Promise<void>;
}): ScriptedWorkload {
  return { kind: 'scripted', ...workload };
}

/**
 * Client limits that are not reached even on a busy machine. They are for drills that check the data written and read
 * rather than the speed: with the environment's limits, the memory fallback would answer instead of a slow Redis, and
 * the drill would test a different guarantee.
 */
export const RELAXED_LIMITS = {
  commandTimeoutMs: 5_000,
  hangSuspectedMs: 2_000,
  compute: { replyTimeoutMs: 5_000 },
} as const;

/** Returns an expectation with `equals`, the most common relation. */
export function equals(expected: Json, actual: Json | undefined) {
  return { relation: 'equals' as const, expected, actual: actual ?? null };
}

/** Returns the code or name of the error with which a call failed; null if it did not fail. */
export async function errorOf(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  }
}
