/**
 * The extensions of this process, in addition to the parts of the kit. A command registers them once, before it starts
 * a run; no other code writes here. The judge does not import this file: it receives its checkers as an argument.
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

/**
 * Replaces the extensions of this process.
 *
 * @throws KitError EXTENSION_INVALID for a name that exists already, and for an unknown workload or fault of a drill
 */
export function registerExtensions(extensions: readonly LoadedExtension[]): void {
  requireDistinctNames(extensions);
  requireDistinctReports(extensions);
  requireKnownParts(extensions);
  registered = extensions;
}

export function registeredExtensions(): readonly LoadedExtension[] {
  return registered;
}

/** Returns the built-in drills, then the drills of the extensions. */
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
  // Coverage is judged like a drill, but has no trial in the catalogue.
  drills: () => [...drills.map(({ id }) => id), 'coverage'],
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
    if (other !== undefined)
      throw clash(identity.path, `the name '${identity.name}' is already used by ${other}`);
    names.set(identity.name, identity.path);
  }
  for (const part of Object.keys(OWN) as Part[]) {
    const owners = new Map([...OWN[part]()].map((id) => [id, 'the kit']));
    for (const { identity, extension } of extensions) {
      for (const each of extension[part] ?? []) {
        const id = 'id' in each ? each.id : each.name;
        const owner = owners.get(id);
        if (owner !== undefined)
          throw clash(identity.path, `the ${SINGULAR[part]} '${id}' already exists: it is part of ${owner}`);
        owners.set(id, identity.path);
      }
    }
  }
}

/** Refuses two reports of one extension with the same file, because they would overwrite each other. */
function requireDistinctReports(extensions: readonly LoadedExtension[]): void {
  for (const { identity, extension } of extensions) {
    const files = (extension.reports ?? []).map(({ file }) => file);
    const twice = files.find((file, index) => files.indexOf(file) !== index);
    if (twice !== undefined) throw clash(identity.path, `two reports have the file name '${twice}'`);
  }
}

/**
 * Refuses drills with an unknown workload or fault, which would otherwise be detected only after the environment has
 * started.
 */
function requireKnownParts(extensions: readonly LoadedExtension[]): void {
  const given = extensions.map(({ extension }) => extension);
  const workloadNames = new Set(OWN.workloads());
  for (const { name } of given.flatMap(({ workloads: own = [] }) => own)) workloadNames.add(name);
  const faultNames = new Set(OWN.faults());
  for (const { id } of given.flatMap(({ faults = [] }) => faults)) faultNames.add(id);
  for (const { identity, extension } of extensions) {
    for (const { id, workload, faults } of extension.drills ?? []) {
      const fault = faults.find((each) => !faultNames.has(each.fault))?.fault;
      const [what, name] = fault === undefined ? ['workload', workload.name] : ['fault', fault];
      if (fault === undefined && workloadNames.has(workload.name)) continue;
      throw new KitError(`the drill '${id}' names the unknown ${what} '${name}'`, {
        code: 'EXTENSION_INVALID',
        where: identity.path,
        hint: `known: ${[...(fault === undefined ? workloadNames : faultNames)].join(', ')}`,
      });
    }
  }
}

function clash(where: string, message: string): KitError {
  return new KitError(message, {
    code: 'EXTENSION_INVALID',
    where,
    hint: 'give every drill, fault, checker, workload and report a unique name',
  });
}
