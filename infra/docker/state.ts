/**
 * What Terraform remembers of an environment, wherever it does: in the local file, or in the backend that the environment names,
 * which is asked through Terraform itself (`state pull`), so that every backend works that Terraform has.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { EXIT, KitError } from '../../config/errors.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { environmentDir } from './files.ts';
import type { Outputs } from './outputs.ts';
import { problem } from './problems.ts';
import { type CallOptions, runTerraform, stackDir } from './program.ts';

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

/** As much of an environment as it takes to find its state. */
export interface Deployed {
  readonly name: string;
  readonly docker: Pick<EnvironmentConfig['docker'], 'backend'>;
}

/** An environment that was never deployed has an empty one. @throws KitError `STATE_UNREADABLE` */
export async function readState({ name, docker }: Deployed, options: StateOptions): Promise<State> {
  if (docker.backend !== undefined) return await pullState(name, docker.backend, options);
  const path = localState(name, options.stateDir);
  return existsSync(path) ? parse(readFileSync(path, 'utf8'), path) : {};
}

const localState = (name: string, stateDir: string): string =>
  join(environmentDir(stateDir, name), 'terraform.tfstate');

/** The file that Terraform keeps the state in; undefined where that is a backend's business. */
export function stateFile({ name, docker: { backend } }: Deployed, stateDir: string): string | undefined {
  if (backend === undefined) return localState(name, stateDir);
  const { path } = absolute(backend, stackDir(stateDir, name)).settings;
  return backend.type === 'local' && path !== undefined ? String(path) : undefined;
}

/**
 * Puts a local state aside that Terraform could not finish writing, as on a full disk, and takes the one before it, or none: by
 * their labels the next deploy removes the containers that it does not know, and volumes with their data it takes as they are.
 *
 * @returns where the broken one is now; undefined where nothing was wrong, or another Terraform may be writing it at this moment
 */
export function mendState(environment: Deployed, stateDir: string): string | undefined {
  const file = stateFile(environment, stateDir);
  if (file === undefined || !existsSync(file) || isState(file)) return undefined;
  if (isLocked(file)) return undefined;
  const broken = `${file}.broken`;
  renameSync(file, broken);
  const before = `${file}.backup`;
  // By its name alone: the disk may still be full.
  if (existsSync(before) && isState(before)) renameSync(before, file);
  return broken;
}

/**
 * Whether there is nothing yet that Terraform could have to replace. Only a local state tells without being asked, and only one
 * that nobody is writing.
 */
export function knowsNothing(environment: Deployed, stateDir: string): boolean {
  const file = stateFile(environment, stateDir);
  if (file === undefined || isLocked(file)) return false;
  if (!existsSync(file)) return true;
  const text = readFileSync(file, 'utf8');
  return text.trim() !== '' && isState(file) && addressesIn(parse(text, file)).length === 0;
}

/** Terraform is at it, or was killed at it. */
const isLocked = (file: string): boolean => existsSync(join(dirname(file), `.${basename(file)}.lock.info`));

function isState(path: string): boolean {
  try {
    parse(readFileSync(path, 'utf8'), path);
    return true;
  } catch {
    return false;
  }
}

/** The outputs of the last deploy; undefined where nothing is deployed. */
export function outputsIn({ outputs, resources }: State): Outputs | undefined {
  if (outputs?.nodes === undefined || (resources ?? []).length === 0) return undefined;
  const values = Object.entries(outputs).map(([key, { value }]) => [key, value] as const);
  return Object.fromEntries(values) as unknown as Outputs;
}

/** Attributes of the first resource of a type whose name in the text begins with this. */
export const stateAttributes = (state: State, type: string, name: string): Attributes | undefined =>
  resourcesOf(state, type).find((resource) => resource.name.startsWith(name))?.instances[0]?.attributes;

/** Ids of all that the state knows: what else carries the environment's label was left by an interruption. */
export function idsIn(state: State): ReadonlySet<string> {
  return new Set(knownIn(state).map(({ id }) => id));
}

/** What Terraform calls what it knows: all, or the resources of one type. */
export function addressesIn(state: State, type?: string): readonly string[] {
  return resourcesOf(state, type).map((resource) => `${resource.type}.${resource.name}`);
}

/** One thing that Terraform knows, as the engine has it: the id of a volume is its name. */
export interface Known {
  readonly id: string;
  readonly name: string;
}

/** What the engine has of it: all, or what is of one type. */
export function knownIn(state: State, type?: string): readonly Known[] {
  return resourcesOf(state, type).flatMap(({ instances }) =>
    instances.flatMap(({ attributes: { id, name = '' } }) => (id === undefined ? [] : [{ id, name }])),
  );
}

const resourcesOf = ({ resources = [] }: State, type?: string): readonly StateResource[] =>
  resources.filter((resource) => type === undefined || resource.type === type);

/**
 * Makes Terraform forget everything of an environment of which nothing is there any more, and its outputs. In a folder without a
 * plugin: Terraform would check its bytes several times.
 *
 * @returns whether it did
 * @throws KitError `STATE_LOCKED` where the state has containers: those are another deploy's, which has waited for this one
 */
export async function forgetAll(environment: Deployed, options: StateOptions): Promise<boolean> {
  const state = await readState(environment, options);
  if (addressesIn(state, 'docker_container').length > 0)
    throw problem('STATE_LOCKED', `environment ${environment.name}`);
  const { name } = environment;
  const file = stateFile(environment, options.stateDir);
  const at = file === undefined ? [] : [`-state=${file}`];
  const home = environmentDir(options.stateDir, name);
  const cwd = file === undefined ? backendDir(options.stateDir, name) : home;
  const backup = join(home, 'terraform.tfstate.forgotten');
  const call = async (args: readonly string[]) =>
    (await runTerraform([...args], cwd, options)).exitCode === 0;
  const addresses = addressesIn(state);
  try {
    return (
      (addresses.length === 0 || (await call(['state', 'rm', ...at, `-backup=${backup}`, ...addresses]))) &&
      (await call([
        'apply',
        '-destroy',
        '-auto-approve',
        '-input=false',
        ...at,
        ...(file === undefined ? [] : ['-backup=-']),
      ]))
    );
  } finally {
    rmSync(backup, { force: true });
  }
}

/** What Terraform calls a container. */
export function containerAddress({ resources = [] }: State, container: string): string | undefined {
  const found = resources.find(
    ({ type, instances }) => type === 'docker_container' && instances[0]?.attributes.name === container,
  );
  return found === undefined ? undefined : `${found.type}.${found.name}`;
}

type Backend = NonNullable<EnvironmentConfig['docker']['backend']>;

const backendDir = (stateDir: string, name: string): string =>
  join(environmentDir(stateDir, name), 'backend');

/** In a folder that has nothing but the backend: no app, no plugin. */
async function pullState(name: string, backend: Backend, options: StateOptions): Promise<State> {
  const dir = backendDir(options.stateDir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { type, settings } = absolute(backend, stackDir(options.stateDir, name));
  const text = JSON.stringify({ terraform: { backend: { [type]: settings } } });
  writeFileSync(join(dir, 'main.tf.json'), text, { mode: 0o600 });
  const init = ['init', '-reconfigure', '-input=false', '-no-color'];
  for (const args of [init, ['state', 'pull', '-no-color']]) {
    const record = await runTerraform(args, dir, options);
    if (record.exitCode !== 0) throw unreadable(`backend '${type}'`, lastWords(record.stderr));
    if (args !== init) return parse(record.stdout, `backend '${type}'`);
  }
  return {};
}

/** A local file's relative path counts from the stack's folder, where deploys run. */
const absolute = ({ type, settings }: Backend, from: string): Backend =>
  type === 'local' && settings.path !== undefined
    ? { type, settings: { ...settings, path: resolve(from, settings.path) } }
    : { type, settings };

function parse(text: string, where: string): State {
  try {
    return text.trim() === '' ? {} : (JSON.parse(text) as State);
  } catch (cause) {
    throw unreadable(where, `it is not a Terraform state (${(cause as Error).message})`);
  }
}

const lastWords = (stderr: string): string =>
  /Error: (.*)/.exec(stripVTControlCharacters(stderr))?.[1]?.trim() ?? 'Terraform gave no reason';

const unreadable = (where: string, why: string): KitError =>
  new KitError(`Terraform's state cannot be read: ${why}`, {
    code: 'STATE_UNREADABLE',
    where,
    hint: "see docker.backend of the environment; credentials come by the backend's own variables (TF_HTTP_PASSWORD, PG_CONN_STR, AWS_…)",
    exitCode: EXIT.USAGE,
  });
