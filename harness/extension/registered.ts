/**
 * The extensions of this process, beside the parts of the kit. A command registers them once, before it starts a run;
 * nothing else writes here. Judging does not read this file: it gets its checkers as an argument.
 */
import { KitError } from '../../config/errors.ts';
import { checkers } from '../checkers/index.ts';
import type { Drill } from '../drills/drill.ts';
import { drills } from '../drills/index.ts';
import type { Fault } from '../faults/fault.ts';
import { faultById, faultIds } from '../faults/index.ts';
import { type Workload, workloadByName, workloads } from '../workloads/index.ts';
import type { Extension, LoadedExtension } from './extension.ts';

let registered: readonly LoadedExtension[] = [];

/** Replaces the extensions of this process. @throws KitError EXTENSION_INVALID for a name that exists already */
export function registerExtensions(extensions: readonly LoadedExtension[]): void {
  requireDistinctNames(extensions);
  registered = extensions;
}

export function registeredExtensions(): readonly LoadedExtension[] {
  return registered;
}

/** Drills of the kit, then those of the extensions. */
export function allDrills(): readonly Drill[] {
  return [...drills, ...partsOf('drills')];
}

/** @throws KitError DRILL_INVALID */
export function findFault(id: string): Fault {
  return partsOf('faults').find((fault) => fault.id === id) ?? faultById(id);
}

/** @throws KitError DRILL_INVALID */
export function findWorkload(name: string): Workload {
  return partsOf('workloads').find((workload) => workload.name === name) ?? workloadByName(name);
}

type Part = 'drills' | 'faults' | 'checkers' | 'workloads';

function partsOf<P extends Part>(part: P): readonly NonNullable<Extension[P]>[number][] {
  return registered.flatMap(({ extension }) => (extension[part] ?? []) as readonly never[]);
}

/** Ids of the kit's own parts. */
const OWN: Readonly<Record<Part, () => Iterable<string>>> = {
  drills: () => drills.map(({ id }) => id),
  faults: faultIds,
  checkers: () => checkers.map(({ id }) => id),
  workloads: () => workloads.keys(),
};

const SINGULAR: Readonly<Record<Part, string>> = {
  drills: 'drill',
  faults: 'fault',
  checkers: 'checker',
  workloads: 'workload',
};

function requireDistinctNames(extensions: readonly LoadedExtension[]): void {
  const names = new Map<string, string>();
  for (const { identity } of extensions) {
    const other = names.get(identity.name);
    if (other !== undefined) throw clash(identity.path, `the name '${identity.name}' is that of ${other}`);
    names.set(identity.name, identity.path);
  }
  for (const part of Object.keys(OWN) as Part[]) {
    const owners = new Map([...OWN[part]()].map((id) => [id, 'the kit']));
    for (const { identity, extension } of extensions) {
      for (const each of extension[part] ?? []) {
        const id = 'id' in each ? each.id : each.name;
        const owner = owners.get(id);
        if (owner !== undefined)
          throw clash(identity.path, `the ${SINGULAR[part]} '${id}' exists already: it is part of ${owner}`);
        owners.set(id, identity.path);
      }
    }
  }
}

function clash(where: string, message: string): KitError {
  return new KitError(message, {
    code: 'EXTENSION_INVALID',
    where,
    hint: 'give every drill, fault, checker and workload a name of its own',
  });
}
