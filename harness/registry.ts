/** What can be named: substrates and drills. A plug-in adds an entry here; nothing else in the harness lists them. */
import { KitError } from '../config/errors.ts';
import { type DoctorCheck, doctor } from '../infra/doctor.ts';
import type { Substrate } from '../infra/substrate.ts';
import type { Drill } from './drills/drill.ts';
import { drills } from './drills/index.ts';

export type SubstrateName = 'local' | 'docker';

/** Loaded when asked for, so that no run pays for (or needs) a substrate that it does not use. */
const SUBSTRATES: Readonly<Record<SubstrateName, (stateDir: string) => Promise<Substrate>>> = {
  local: async (stateDir) => (await import('../infra/local/substrate.ts')).localSubstrate({ stateDir }),
  docker: async (stateDir) => (await import('../infra/docker/substrate.ts')).dockerSubstrate({ stateDir }),
};

export const SUBSTRATE_NAMES = Object.keys(SUBSTRATES) as readonly SubstrateName[];

/** @param stateDir where the substrate keeps what it must remember, absolute */
export function substrateOf(name: SubstrateName, stateDir: string): Promise<Substrate> {
  return SUBSTRATES[name](stateDir);
}

/** What `kit doctor` looks at. */
const CHECKS: Readonly<Record<SubstrateName, (stateDir: string) => Promise<readonly DoctorCheck[]>>> = {
  local: async (stateDir) => {
    const { localFacts } = await import('../infra/local/facts.ts');
    return doctor(() => localFacts({ stateDir }));
  },
  docker: async (stateDir) => (await import('../infra/docker/doctor.ts')).dockerChecks(stateDir),
};

/** Is this machine fit for the substrate? Changes nothing. */
export function checkMachine(name: SubstrateName, stateDir: string): Promise<readonly DoctorCheck[]> {
  return CHECKS[name](stateDir);
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
