/**
 * A scripted workload: steps in a fixed order that record what was expected and what was seen (`expect` events). It never
 * judges: a step that did not hold is a line like the others, and the script goes on.
 *
 * Scripts run in the harness's own process: they need the Environment, and none of them generates load.
 */
import type { Redis } from 'ioredis';
import type { Cache } from '../../client/index.ts';
import type { Environment } from '../../infra/environment.ts';
import type { Address } from '../../infra/topology.ts';
import type { Clock } from '../clock.ts';
import type { FaultProxy } from '../faults/proxy/index.ts';
import type { ExpectationEvent, HistoryEvent, Json } from '../history.ts';
import type { ClientSpec } from './adapter.ts';
import type { CallerProcess } from './calls/child.ts';
import type { ClientModule } from './client-module.ts';
import type { WrittenKey } from './issuer.ts';
import type { CacheOverrides } from './kit.ts';
import type { Parameters, Resolved } from './parameters.ts';
import type { Random } from './random.ts';

export interface ScriptContext<P extends Parameters = Parameters> {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly parameters: P;
  readonly random: Random;
  /** Unique to the trial: the middle of every key. */
  readonly tag: string;
  readonly spec: ClientSpec;
  /** The client that is judged, as a module: what is tested of it is taken from here. */
  readonly client: ClientModule;
  readonly signal: AbortSignal;
  /** Somebody else runs this Redis: no key but the run's own is looked at, none is left without a TTL, nothing global is asked. */
  readonly shared: boolean;
  readonly record: (event: HistoryEvent) => void;
  /** Records what was expected and what was seen. */
  expect(
    id: string,
    what: string,
    seen: Pick<ExpectationEvent, 'relation' | 'expected' | 'actual' | 'unit'>,
  ): void;
  /** The kit's client on the environment, or through a proxy before it; closed with the trial. */
  open(overrides?: CacheOverrides, through?: MasterProxy): Cache;
  /** Starts a process with its own cache on the environment; ended with the trial. */
  startProcess(name: string, overrides?: CacheOverrides): Promise<CallerProcess>;
  /** A fault proxy before the master, of a cluster one before each that act as one; ended with the trial. */
  proxyBeforeMaster(): Promise<MasterProxy>;
  /** Has these physical keys removed with the trial. */
  remember(...keys: readonly string[]): void;
  /** Waits until every replica has all that the master has. */
  caughtUp(): Promise<void>;
  /** Reads these keys from every raw node into the history. */
  readAllNodes(keys: readonly WrittenKey[]): Promise<void>;
  /** An admin connection to the master of the moment, of a cluster the one that has this physical key. */
  masterOf(key: string): Promise<Redis>;
  /** Admin connections to every master: one, of a cluster one a shard. */
  masters(): Promise<readonly Redis[]>;
}

/** What stands before every master that a client may be sent to. */
export interface MasterProxy extends Pick<FaultProxy, 'add' | 'remove' | 'down' | 'reset' | 'traffic'> {
  /** Where a client begins. */
  readonly addresses: readonly Address[];
  /** Which address that a cluster names is behind which of them. */
  readonly natMap?: Readonly<Record<string, Address>>;
}

export interface ScriptedWorkload {
  readonly kind: 'scripted';
  readonly name: string;
  readonly defaults: Parameters;
  run(context: ScriptContext): Promise<void>;
}

/** A scripted workload whose script sees its own parameters by name. */
export function scripted<const P extends Parameters>(workload: {
  readonly name: string;
  readonly defaults: P;
  run(context: ScriptContext<Resolved<P>>): Promise<void>;
}): ScriptedWorkload {
  return { kind: 'scripted', ...workload };
}

/**
 * Limits of a client that a busy machine does not reach. For drills whose question is what is written and read, and not how fast: with the
 * environment's limits a slow answer would be served from memory, which is another promise.
 */
export const UNHURRIED = { commandTimeoutMs: 5_000, compute: { patienceMs: 5_000 } } as const;

/** `equals`, the most common relation. */
export function equals(expected: Json, actual: Json | undefined) {
  return { relation: 'equals' as const, expected, actual: actual ?? null };
}

/** The error that a call ended with, as its code or name; null when it did not fail. */
export async function errorOf(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  }
}
