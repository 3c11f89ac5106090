/**
 * The extensions of this process, in addition to the parts of the kit. A command registers them once, before it starts
 * a run; no other code writes here. The judge does not import this file: it receives its checkers as an argument.
 */
import { KitError } from '../../config/errors.ts';
import { checkers } from '../checkers/index.ts';
import { ALL_TOPOLOGIES, CLIENTS, type ClientFacts } from '../drills/clients.ts';
import type { Drill } from '../drills/drill.ts';
import { drills } from '../drills/index.ts';
import type { Fault } from '../faults/fault.ts';
import { faultById, faultIds } from '../faults/index.ts';
import { type Workload, workloadByName, workloads } from '../workloads/index.ts';
import type { PartSource } from '../workloads/part-source.ts';
import type { Extension, LoadedExtension } from './extension.ts';

let registered: readonly LoadedExtension[] = [];

/**
 * Replaces the extensions of this process.
 *
 * @throws KitError EXTENSION_INVALID for a name that already exists, and for a drill that names an unknown workload,
 * fault or client
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

/** Returns the names of all clients: the built-in ones, then those of the extensions. */
export function clientNames(): readonly string[] {
  return [...Object.keys(CLIENTS), ...partsOf('clients').map(({ name }) => name)];
}

/** @throws KitError CLIENT_UNKNOWN */
export function findClient(name: string): ClientFacts {
  if (Object.hasOwn(CLIENTS, name)) return CLIENTS[name as keyof typeof CLIENTS];
  for (const { identity, extension } of registered) {
    const client = extension.clients?.find((each) => each.name === name);
    if (client === undefined) continue;
    const { topologies = ALL_TOPOLOGIES, version = `of extension ${identity.name}` } = client;
    return { topologies, version };
  }
  throw new KitError(`unknown client '${name}'`, {
    code: 'CLIENT_UNKNOWN',
    hint: `known clients: ${clientNames().join(', ')}, or all`,
  });
}

/** Returns the module of a client or generated workload, for the thread that loads it; undefined for a built-in one. */
export function partSource(part: 'clients' | 'workloads', name: string): PartSource | undefined {
  const found = registered.find(({ extension }) => extension[part]?.some((each) => each.name === name));
  if (found === undefined) return undefined;
  const { url, identity } = found;
  return { url, path: identity.path, sha256: identity.sha256 };
}

type Part = 'drills' | 'faults' | 'checkers' | 'workloads' | 'clients';

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
  clients: () => Object.keys(CLIENTS),
};

const SINGULAR: Readonly<Record<Part, string>> = {
  drills: 'drill',
  faults: 'fault',
  checkers: 'checker',
  workloads: 'workload',
  clients: 'client',
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

/** Refuses two reports of one extension with the same file name, because they would overwrite each other. */
function requireDistinctReports(extensions: readonly LoadedExtension[]): void {
  for (const { identity, extension } of extensions) {
    const files = (extension.reports ?? []).map(({ file }) => file);
    const twice = files.find((file, index) => files.indexOf(file) !== index);
    if (twice !== undefined) throw clash(identity.path, `two reports have the file name '${twice}'`);
  }
}

/**
 * Refuses drills with an unknown workload, fault or client, and clients that cannot run. Otherwise these errors would
 * be detected only after the environment had started.
 */
function requireKnownParts(extensions: readonly LoadedExtension[]): void {
  const known = {
    workload: new Map([...workloads, ...named(extensions, 'workloads')]),
    fault: new Set([...faultIds(), ...named(extensions, 'faults').keys()]),
    client: new Map<string, ClientTopologies>([...Object.entries(CLIENTS), ...named(extensions, 'clients')]),
  };
  for (const { identity, extension } of extensions) {
    const invalid = (message: string, hint: string) =>
      new KitError(message, { code: 'EXTENSION_INVALID', where: identity.path, hint });
    for (const { id, workload, faults, clients, topologies } of extension.drills ?? []) {
      const asked = [
        ...faults.map(({ fault }) => ['fault', fault] as const),
        ['workload', workload.name] as const,
        ...clients.map((client) => ['client', client] as const),
      ];
      const unknown = asked.find(([what, name]) => !known[what].has(name));
      if (unknown !== undefined) {
        const [what, name] = unknown;
        throw invalid(
          `the drill '${id}' names the unknown ${what} '${name}'`,
          `known: ${[...known[what].keys()].join(', ')}`,
        );
      }
      const isScript = known.workload.get(workload.name)?.kind === 'scripted';
      const problem = comparisonProblem(clients, topologies, isScript, known.client);
      if (problem !== undefined) throw invalid(`the drill '${id}' ${problem[0]}`, problem[1]);
    }
  }
}

type ClientTopologies = Pick<Partial<ClientFacts>, 'topologies'>;

/** Describes why the clients of a drill cannot run, and the remedy; undefined if they can. */
function comparisonProblem(
  clients: readonly string[],
  topologies: Drill['topologies'],
  isScript: boolean,
  known: ReadonlyMap<string, ClientTopologies>,
): readonly [problem: string, remedy: string] | undefined {
  if (!clients.includes('kit'))
    return ["does not name the client 'kit'", "add 'kit' to its clients: the criteria judge this client"];
  if (isScript && clients.length > 1) {
    return [
      'names several clients, but its workload is a script',
      "set clients to ['kit'], or use a generated workload: a script runs only the kit's client",
    ];
  }
  for (const name of clients) {
    const { topologies: supported = ALL_TOPOLOGIES } = known.get(name) ?? {};
    const other = topologies.find((topology) => !supported.includes(topology));
    if (other !== undefined) {
      const remedy = `set its topologies to ${supported.join(', ')}, or omit the client`;
      return [`runs on the topology ${other}, which its client '${name}' does not support`, remedy];
    }
  }
  return undefined;
}

/** Returns the parts of all extensions by id or name. */
function named<P extends 'workloads' | 'faults' | 'clients'>(
  extensions: readonly LoadedExtension[],
  part: P,
): ReadonlyMap<string, NonNullable<Extension[P]>[number]> {
  return new Map(
    extensions
      .flatMap(({ extension }) => (extension[part] ?? []) as readonly NonNullable<Extension[P]>[number][])
      .map((each) => ['id' in each ? each.id : each.name, each]),
  );
}

function clash(where: string, message: string): KitError {
  return new KitError(message, {
    code: 'EXTENSION_INVALID',
    where,
    hint: 'give every drill, fault, checker, workload, client and report a unique name',
  });
}
