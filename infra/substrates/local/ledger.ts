/**
 * Record of running processes on disk, written before and after every start, so that a later command (the same one, the
 * next `kit up`, `kit down`, the reaper) can stop what is left of a crashed run. The file is replaced atomically, never
 * edited in place.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { isAbsent, readError } from '../../host/disk.ts';
import { writePrivate } from '../../host/private-files.ts';
import type { ProcessIdentity } from '../../host/process-identity.ts';
import type { BinaryFacts } from '../../redis/server-capabilities.ts';
import type { Address, Placement } from '../../topology.ts';
import { environmentDir } from './local-context.ts';
import type { Addressing } from './options.ts';

/** Digests of what a node read on startup, without passwords. */
export interface NodeFingerprint {
  /** Digest of redis.conf or sentinel.conf as rendered. */
  readonly settings: string;
  /** Digest of the users and their rights. */
  readonly users: string;
  /** Server program and version. */
  readonly server: string;
  readonly certificate: string;
}

export interface Ledger {
  readonly schema: 1;
  readonly environment: string;
  /** `starting`: not healthy yet; after a crash, an environment in this phase is ended rather than resumed. */
  readonly phase: 'starting' | 'running';
  /**
   * Process whose end also ends the environment. Always set for an ephemeral environment; for any other, only while it
   * is starting.
   */
  readonly owner: ProcessIdentity | undefined;
  /** SHA-256 of the applied configuration. */
  readonly configHash: string;
  /** The applied configuration; absent in ledgers written by older versions. */
  readonly config?: EnvironmentConfig;
  readonly block: number;
  readonly addressing: Addressing;
  readonly placement: Readonly<Record<string, Address>>;
  readonly binary: { readonly path: string; readonly facts: BinaryFacts; readonly provenance: string };
  readonly deviations: readonly string[];
  /** Configuration with which each node was last started, by node id; absent in ledgers written by older versions. */
  readonly fingerprints?: Readonly<Record<string, NodeFingerprint>>;
  /** Processes by node id; a node that was killed deliberately has no entry. */
  readonly processes: Readonly<Record<string, ProcessIdentity>>;
  readonly reaper: ProcessIdentity | undefined;
}

export function ledgerPath(stateDir: string, environment: string): string {
  return join(environmentDir(stateDir, environment), 'ledger.json');
}

/**
 * Reads the ledger; undefined if there is none, or if this version cannot read it.
 *
 * @throws KitError `STATE_UNREADABLE` if the file belongs to another user
 */
export function readLedger(path: string): Ledger | undefined {
  const text = readState(path);
  try {
    const ledger = JSON.parse(text ?? 'null') as Ledger | null;
    // Ledgers written by older versions have no `deviations`.
    return ledger?.schema === 1 ? { ...ledger, deviations: ledger.deviations ?? [] } : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a file of the state directory; undefined if there is none. An unreadable file does not count as absent. */
function readState(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw readError(error, path);
  }
}

export function writeLedger(stateDir: string, ledger: Ledger): void {
  writePrivate(ledgerPath(stateDir, ledger.environment), `${JSON.stringify(ledger, null, 2)}\n`);
}

/**
 * Reads, changes and writes the ledger in one turn of the event loop, so that two callers in this process cannot
 * interleave.
 */
export function updateLedger(
  stateDir: string,
  environment: string,
  change: (ledger: Ledger) => Ledger,
): void {
  const ledger = readLedger(ledgerPath(stateDir, environment));
  if (ledger !== undefined) writeLedger(stateDir, change(ledger));
}

/** Returns the ledgers of all environments in a state directory. @throws KitError `STATE_UNREADABLE` */
export function listLedgers(stateDir: string): readonly Ledger[] {
  let names: string[];
  try {
    names = readdirSync(join(stateDir, 'environments'));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw readError(error, join(stateDir, 'environments'));
  }
  return names
    .map((name) => readLedger(ledgerPath(stateDir, name)))
    .filter((ledger): ledger is Ledger => ledger !== undefined);
}

export function placementOf(ledger: Ledger): Placement {
  return new Map(Object.entries(ledger.placement));
}
