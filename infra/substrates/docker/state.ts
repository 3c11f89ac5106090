/**
 * Reads the Terraform state of an environment, from the local file or from the backend that the environment names. A
 * backend is read through Terraform itself (`state pull`), so that every Terraform backend works.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { Outputs } from './outputs.ts';
import { environmentDir } from './state-files.ts';
import { type CallOptions, runTerraform, stackDir } from './terraform-cli.ts';

export interface StateOptions extends CallOptions {
  readonly stateDir: string;
}

export interface State {
  readonly outputs?: Readonly<Record<string, { readonly value: unknown }>>;
  readonly resources?: readonly StateResource[];
}
interface StateResource {
  readonly type: string;
  readonly name: string;
  readonly instances: readonly { readonly attributes: Attributes }[];
}

type Attributes = { readonly id?: string; readonly name?: string } & Readonly<Record<string, unknown>>;

/** Fields of an environment that locate its state. */
export interface Deployed {
  readonly name: string;
  readonly docker: Pick<EnvironmentConfig['docker'], 'backend'>;
  /** Hosts that have parts of the environment. */
  readonly hosts?: EnvironmentConfig['hosts'];
}

/** Reads the state; empty for an environment that was never deployed. @throws KitError `STATE_UNREADABLE` */
export async function readState({ name, docker }: Deployed, options: StateOptions): Promise<State> {
  if (docker.backend !== undefined) return await pullState(name, docker.backend, options);
  const path = localState(name, options.stateDir);
  return existsSync(path) ? parseState(readFileSync(path, 'utf8'), path) : {};
}

const localState = (name: string, stateDir: string): string =>
  join(environmentDir(stateDir, name), 'terraform.tfstate');

/** Path of the local state file; undefined if a backend stores the state. */
export function stateFile({ name, docker: { backend } }: Deployed, stateDir: string): string | undefined {
  if (backend === undefined) return localState(name, stateDir);
  const { path } = absolute(backend, stackDir(stateDir, name)).settings;
  return backend.type === 'local' && path !== undefined ? String(path) : undefined;
}

/**
 * Moves aside a truncated local state, such as one left behind when the disk was full, and restores the previous state,
 * if there is one. The labels replace the missing entries: the next deploy removes containers that are not in the
 * state, and adopts volumes with their data.
 *
 * @returns the path of the truncated file; undefined if the state is valid, or if another Terraform process may be
 * writing it now
 */
export function restoreTruncatedState(environment: Deployed, stateDir: string): string | undefined {
  const file = stateFile(environment, stateDir);
  if (file === undefined || !existsSync(file) || isState(file)) return undefined;
  if (isLocked(file)) return undefined;
  const broken = `${file}.broken`;
  renameSync(file, broken);
  const before = `${file}.backup`;
  // Only a rename: the disk may still be full.
  if (existsSync(before) && isState(before)) renameSync(before, file);
  return broken;
}

/**
 * Returns whether the state has no resource that Terraform could replace. Without calling Terraform, this is known only
 * for a local state that no process is writing.
 */
export function isStateEmpty(environment: Deployed, stateDir: string): boolean {
  const file = stateFile(environment, stateDir);
  if (file === undefined || isLocked(file)) return false;
  if (!existsSync(file)) return true;
  const text = readFileSync(file, 'utf8');
  return text.trim() !== '' && isState(file) && addressesIn(parseState(text, file)).length === 0;
}

/** Whether Terraform is using the state, or was killed while using it. */
const isLocked = (file: string): boolean => existsSync(join(dirname(file), `.${basename(file)}.lock.info`));

function isState(path: string): boolean {
  try {
    parseState(readFileSync(path, 'utf8'), path);
    return true;
  } catch {
    return false;
  }
}

/** Returns the outputs of the last deploy; undefined if nothing is deployed. */
export function outputsIn({ outputs, resources }: State): Outputs | undefined {
  if (outputs?.nodes === undefined || (resources ?? []).length === 0) return undefined;
  const values = Object.entries(outputs).map(([key, { value }]) => [key, value] as const);
  return Object.fromEntries(values) as unknown as Outputs;
}

/** Returns the attributes of the first resource of a type whose name in the state starts with `name`. */
export const stateAttributes = (state: State, type: string, name: string): Attributes | undefined =>
  resourcesOf(state, type).find((resource) => resource.name.startsWith(name))?.instances[0]?.attributes;

/**
 * Returns the ids of all resources in the state. Any other resources with the environment's label were left by an
 * interrupted deploy.
 */
export function idsIn(state: State): ReadonlySet<string> {
  return new Set(engineResourcesIn(state).map(({ id }) => id));
}

/** Returns the Terraform addresses of all resources in the state, or of those of one type. */
export function addressesIn(state: State, type?: string): readonly string[] {
  return resourcesOf(state, type).map((resource) => `${resource.type}.${resource.name}`);
}

/** A resource in the state, as the engine identifies it: the id of a volume is its name. */
export interface EngineResource {
  readonly id: string;
  readonly name: string;
}

/** Returns the engine ids of all resources in the state, or of those of one type. */
export function engineResourcesIn(state: State, type?: string): readonly EngineResource[] {
  return resourcesOf(state, type).flatMap(({ instances }) =>
    instances.flatMap(({ attributes: { id, name = '' } }) => (id === undefined ? [] : [{ id, name }])),
  );
}

const resourcesOf = ({ resources = [] }: State, type?: string): readonly StateResource[] =>
  resources.filter((resource) => type === undefined || resource.type === type);

/** Returns the Terraform address of a container. */
export function containerAddress({ resources = [] }: State, container: string): string | undefined {
  const found = resources.find(
    ({ type, instances }) => type === 'docker_container' && instances[0]?.attributes.name === container,
  );
  return found === undefined ? undefined : `${found.type}.${found.name}`;
}

type Backend = NonNullable<EnvironmentConfig['docker']['backend']>;

export const backendDir = (stateDir: string, name: string): string =>
  join(environmentDir(stateDir, name), 'backend');

/** Reads the state from a backend, in a folder that contains only the backend configuration: no app, no plugin. */
async function pullState(name: string, backend: Backend, options: StateOptions): Promise<State> {
  const dir = backendDir(options.stateDir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { type, settings } = absolute(backend, stackDir(options.stateDir, name));
  const text = JSON.stringify({ terraform: { backend: { [type]: settings } } });
  writeFileSync(join(dir, 'main.tf.json'), text, { mode: 0o600 });
  const init = ['init', '-reconfigure', '-input=false', '-no-color'];
  for (const args of [init, ['state', 'pull', '-no-color']]) {
    const record = await runTerraform(args, dir, options);
    if (record.exitCode !== 0) throw unreadable(`backend '${type}'`, lastLines(record.stderr));
    if (args !== init) return parseState(record.stdout, `backend '${type}'`);
  }
  return {};
}

/** Makes the path of a local file absolute, because it is relative to the stack's folder, where deploys run. */
const absolute = ({ type, settings }: Backend, from: string): Backend =>
  type === 'local' && settings.path !== undefined
    ? { type, settings: { ...settings, path: resolve(from, settings.path) } }
    : { type, settings };

function parseState(text: string, where: string): State {
  try {
    return text.trim() === '' ? {} : (JSON.parse(text) as State);
  } catch (cause) {
    throw unreadable(where, `not a Terraform state (${(cause as Error).message})`);
  }
}

const lastLines = (stderr: string): string =>
  /Error: (.*)/.exec(stripVTControlCharacters(stderr))?.[1]?.trim() ?? 'no reason given by Terraform';

const unreadable = (where: string, why: string): KitError =>
  new KitError(`cannot read the Terraform state: ${why}`, {
    code: 'STATE_UNREADABLE',
    where,
    hint: 'check docker.backend in the environment file; credentials are set in the backend variables (TF_HTTP_PASSWORD, PG_CONN_STR, AWS_…)',
    exitCode: EXIT.USAGE,
  });
