/** What can be named: substrates and drills. A plug-in adds an entry here; nothing else in the harness lists them. */
import { KitError } from '../config/errors.ts';
import type { SubstrateFacts } from '../infra/doctor.ts';
import type { ProgramSink } from '../infra/process.ts';
import type { Substrate } from '../infra/substrate.ts';
import type { Drill } from './drills/drill.ts';
import { drills } from './drills/index.ts';

export type SubstrateName = 'local';

interface SubstrateOptions {
  /** Where the substrate keeps what it must remember, absolute. */
  readonly stateDir: string;
  /** Keeps what outside programs print. */
  readonly sink?: ProgramSink;
}

/** Loaded when asked for, so that no run pays for (or needs) a substrate that it does not use. */
const SUBSTRATES: Readonly<Record<SubstrateName, (options: SubstrateOptions) => Promise<Substrate>>> = {
  local: async (options) => (await import('../infra/local/substrate.ts')).localSubstrate(options),
};

export const SUBSTRATE_NAMES = Object.keys(SUBSTRATES) as readonly SubstrateName[];

export function substrateOf(name: SubstrateName, options: SubstrateOptions): Promise<Substrate> {
  return SUBSTRATES[name](options);
}

/** What the substrate knows of this machine, for `kit doctor`. */
const FACTS: Readonly<Record<SubstrateName, (stateDir: string) => Promise<SubstrateFacts>>> = {
  local: async (stateDir) => (await import('../infra/local/facts.ts')).localFacts({ stateDir }),
};

export function substrateFacts(name: SubstrateName, stateDir: string): Promise<SubstrateFacts> {
  return FACTS[name](stateDir);
}

/**
 * The drills of that name, in the catalogue's order.
 *
 * @throws KitError DRILL_UNKNOWN, listing the known ones
 */
export function drillsNamed(ids: readonly string[] | 'all'): readonly Drill[] {
  if (ids === 'all') return drills;
  const unknown = ids.filter((id) => !drills.some((drill) => drill.id === id));
  if (unknown.length > 0) {
    throw new KitError(`unknown drill ${unknown.map((id) => `'${id}'`).join(', ')}`, {
      code: 'DRILL_UNKNOWN',
      hint: `known drills: ${drills.map(({ id }) => id).join(', ')}`,
    });
  }
  return drills.filter(({ id }) => ids.includes(id));
}
