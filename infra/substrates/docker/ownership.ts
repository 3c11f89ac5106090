/**
 * Owner of each part of an environment on the engine. The name alone is ambiguous: each checkout has a `dev`.
 *
 *   labelled with an owner       belongs to that owner
 *   without such a label         belongs to the checkout with its id in the state: an older kit version created it
 *   a volume of another owner    belongs to the checkout that has adopted the environment: the engine cannot change
 *                                labels of a volume, so `<state>/docker/<environment>/adopted.json` lists the previous
 *                                owners
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { writePrivate } from '../../host/private-files.ts';
import type { ForeignEnvironment } from '../substrate.ts';
import { checkoutLocation, findOwner } from './checkout-id.ts';
import { docker } from './engine.ts';
import { type Engine, enginesOf } from './engines.ts';
import { kitCommand } from './hint-commands.ts';
import { LABEL } from './plan.ts';
import type { Deployed } from './state.ts';
import { environmentDir } from './state-files.ts';

export type EngineKind = 'container' | 'network' | 'volume';

/** A resource on the engine that has the name of an environment. */
export interface EnginePart {
  readonly environment: string;
  readonly kind: EngineKind;
  readonly id: string;
  readonly name: string;
  /** Id of the owner; empty without an owner label. */
  readonly owner: string;
  readonly place: string;
  readonly isProtected: boolean;
  /** Engine of the resource's host; absent without `hosts`. */
  readonly engine?: Engine;
}

export interface Ownership {
  readonly own: readonly EnginePart[];
  readonly foreign: readonly EnginePart[];
}

const KINDS: readonly EngineKind[] = ['container', 'network', 'volume'];

/** Returns all parts of an environment on these engines; if no name is given, those of all environments. */
export async function partsOf(
  environment?: string,
  engines: readonly (Engine | undefined)[] = [undefined],
): Promise<readonly EnginePart[]> {
  const filter = environment === undefined ? LABEL.environment : `${LABEL.environment}=${environment}`;
  const lists = engines.flatMap((engine) => KINDS.map((kind) => partsOfKind(kind, filter, engine)));
  return (await Promise.all(lists)).flat();
}

async function partsOfKind(
  kind: EngineKind,
  filter: string,
  engine: Engine | undefined,
): Promise<readonly EnginePart[]> {
  const label = (key: string) => `{{.Label "${key}"}}`;
  const labels = [LABEL.environment, LABEL.owner, LABEL.place, LABEL.protected].map(label);
  const format = [...LISTING[kind].fields, ...labels].join('\t');
  const list = [kind, 'ls', ...LISTING[kind].flags];
  const text = await docker([...list, '--filter', `label=${filter}`, '--format', format], { engine });
  const lines = text === '' ? [] : text.split('\n');
  return lines.map((line) => {
    const [id = '', name = '', environment = '', owner = '', place = '', isProtected = ''] = line.split('\t');
    const part = { environment, kind, id, name, owner, place, isProtected: isProtected === 'yes' };
    return engine === undefined ? part : { ...part, engine };
  });
}

/**
 * Arguments with which the engine lists resources of a kind, with their ids and names; the id of a volume is its name.
 */
const LISTING: Readonly<
  Record<EngineKind, { readonly flags: readonly string[]; readonly fields: readonly string[] }>
> = {
  container: { flags: ['--all', '--no-trunc'], fields: ['{{.ID}}', '{{.Names}}'] },
  network: { flags: ['--no-trunc'], fields: ['{{.ID}}', '{{.Name}}'] },
  volume: { flags: [], fields: ['{{.Name}}', '{{.Name}}'] },
};

/** Divides the parts of an environment by owner. Reads the state only for parts without an owner label. */
export async function readOwnership(
  environment: Deployed,
  stateDir: string,
  knownIds: () => Promise<ReadonlySet<string>>,
  allParts?: readonly EnginePart[],
): Promise<Ownership> {
  const parts = (allParts ?? (await partsOf(environment.name, enginesOf(environment)))).filter(
    (part) => part.environment === environment.name,
  );
  const owner = findOwner(environment, stateDir)?.id;
  const known = parts.some((part) => part.owner === '') ? await knownIds() : new Set<string>();
  return classifyParts(parts, { owner, known, adopted: adoptedFrom(environment.name, stateDir) });
}

interface Claim {
  readonly owner: string | undefined;
  /** Ids of the resources in the state. */
  readonly known: ReadonlySet<string>;
  /** Previous owners of an adopted environment. */
  readonly adopted: readonly string[];
}

/** Classifies parts as own or foreign. Pure. */
export function classifyParts(parts: readonly EnginePart[], { owner, known, adopted }: Claim): Ownership {
  const isOwn = (part: EnginePart) =>
    (part.kind === 'volume' && adopted.includes(part.owner)) ||
    (part.owner === '' ? known.has(part.id) : part.owner === owner);
  return { own: parts.filter(isOwn), foreign: parts.filter((part) => !isOwn(part)) };
}

const adoptedFile = (stateDir: string, name: string): string =>
  join(environmentDir(stateDir, name), 'adopted.json');

function adoptedFrom(name: string, stateDir: string): readonly string[] {
  const file = adoptedFile(stateDir, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
}

/** Records the owners of the foreign parts: their volumes now belong to this checkout. */
export function recordAdoption(name: string, stateDir: string, { foreign }: Ownership): void {
  const owners = new Set([...adoptedFrom(name, stateDir), ...foreign.map(({ owner }) => owner)]);
  writePrivate(adoptedFile(stateDir, name), `${JSON.stringify([...owners])}\n`);
}

/** Describes the foreign parts, for the prompt and for the error. */
export function foreignEnvironment(
  environment: Pick<EnvironmentConfig, 'name'>,
  { foreign }: Pick<Ownership, 'foreign'>,
): ForeignEnvironment {
  const labelled = foreign.find(({ owner }) => owner !== '');
  return {
    environment: environment.name,
    owner: labelled?.owner ?? 'unlabelled',
    place: labelled?.place ?? UNLABELLED_PLACE,
    isProtected: foreign.some(({ isProtected }) => isProtected),
    parts: foreign.map((part) => `${part.kind} ${part.name}`),
  };
}

const UNLABELLED_PLACE = 'another checkout or user: it has no owner label';

/**
 * Returns the refusal error, which names the owner's location. @param verb the refused command; it works with `--adopt`
 */
export function foreignError(
  named: Pick<EnvironmentConfig, 'name'>,
  ownership: Pick<Ownership, 'foreign'>,
  { stateDir, verb = 'up' }: { readonly stateDir: string; readonly verb?: 'up' | 'down' },
): KitError {
  const { environment, owner, place, isProtected, parts } = foreignEnvironment(named, ownership);
  const what =
    existsSync(stateDir) && place === checkoutLocation(stateDir)
      ? `environment '${environment}' was deployed from here, but its state is missing in ${stateDir}`
      : `environment '${environment}' on this Docker engine belongs to ${place}`;
  const variables = verb === 'up' ? ['KIT_ALLOW_ADOPT'] : ['KIT_ALLOW_ADOPT', 'KIT_ALLOW_DESTROY'];
  const permission = isProtected ? variables.map((name) => `${name}=${environment} `) : [];
  const command = `${permission.join('')}${kitCommand(verb, named)} --adopt`;
  const shown = parts.slice(0, SHOWN_PARTS).join(', ');
  const more = parts.length - SHOWN_PARTS;
  return new KitError(`${what} (owner ${owner})`, {
    code: 'ENVIRONMENT_FOREIGN',
    where: more > 0 ? `${shown} and ${more} more` : shown,
    hint:
      verb === 'up'
        ? `use it there, or take it over with its data and your passwords: ${command}`
        : `stop it there, or here with its data: ${command}`,
  });
}

const SHOWN_PARTS = 3;

/** Returns the error for an environment that has parts on an engine but no configuration here. */
export function unknownEnvironment(name: string, parts: readonly EnginePart[], stateDir: string): KitError {
  const owner = findOwner({ docker: {} }, stateDir)?.id;
  const ownership = classifyParts(parts, { owner, known: new Set(), adopted: [] });
  if (ownership.foreign.length > 0) return foreignError({ name }, ownership, { stateDir, verb: 'down' });
  return new KitError(`the deployed configuration of '${name}' is not available here`, {
    code: 'ENVIRONMENT_UNKNOWN',
    where: environmentDir(stateDir, name),
    hint: 'run kit down --env FILE --substrate docker with the YAML file used for the deploy',
  });
}
