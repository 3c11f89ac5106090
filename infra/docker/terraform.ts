/**
 * Terraform (or OpenTofu) through the CDKTF command line: deploy, destroy, plan. What went wrong comes back as one clear
 * error; the whole output is kept in the environment's folder.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { readVariables } from '../../config/env.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { findProgram, type ProgramRecord, type ProgramSink, runProgram } from '../process.ts';
import { environmentDir } from './files.ts';
import type { Outputs } from './outputs.ts';
import { PROVIDER_VERSION } from './provider.ts';

const PROJECT = join(import.meta.dirname, '../..');
const BIN = join(PROJECT, 'node_modules', '.bin');
const DEPLOY_TIMEOUT_MS = 600_000;

export interface TerraformOptions {
  readonly stateDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly sink?: ProgramSink | undefined;
  /** May a protected environment be destroyed? */
  readonly allowDestroy?: boolean;
  /** Terraform's program, where it is not the one of the search path. */
  readonly program?: string;
}

/** Where `cdktf` puts what it synthesises: plain `cdktf` and the kit share one folder, other state folders have theirs. */
export function synthesisDir(stateDir: string): string {
  return resolve(stateDir) === join(PROJECT, '.kit')
    ? join(PROJECT, 'cdktf.out')
    : join(stateDir, 'cdktf.out');
}

const stackDir = (stateDir: string, name: string): string => join(synthesisDir(stateDir), 'stacks', name);

/** Stands the environment up, or brings it to what the configuration says. @throws KitError */
export async function deploy(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  await cdktf('deploy', environment, options);
}

/** Removes all that Terraform owns. @throws KitError */
export async function destroy(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  await cdktf('destroy', environment, options);
}

async function cdktf(
  verb: 'deploy' | 'destroy',
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<void> {
  const { name } = environment;
  const record = await runProgram({
    command: join(BIN, 'cdktf'),
    args: [...[verb, name, '--auto-approve', '--output', synthesisDir(options.stateDir)]],
    cwd: PROJECT,
    env: {
      ...programEnv(),
      ...appEnv(environment, options),
      ...(options.program === undefined ? {} : { TERRAFORM_BINARY_NAME: options.program }),
    },
    timeoutMs: DEPLOY_TIMEOUT_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.sink === undefined ? {} : { sink: options.sink }),
  });
  const text = stripVTControlCharacters(`${record.stdout}\n${record.stderr}`);
  const log = join(options.stateDir, 'docker', 'logs', `${name}-${verb}.log`);
  mkdirSync(join(log, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(log, text, { mode: 0o600 });
  if (record.exitCode !== 0) throw explain(verb, name, text, log);
}

/** Replaces one container, whatever it is like (`terraform apply -replace`), and leaves the others alone. */
export async function replaceContainer(
  environment: EnvironmentConfig,
  container: string,
  options: TerraformOptions,
): Promise<void> {
  const { name } = environment;
  const address = readState(options.stateDir, name)
    .filter(
      ({ type, instances }) => type === 'docker_container' && instances[0]?.attributes.name === container,
    )
    .map((resource) => `${resource.type}.${resource.name}`)[0];
  if (address === undefined) {
    throw new KitError(`'${container}' is not a container of '${name}'`, {
      code: 'CONTAINER_UNKNOWN',
      where: environmentDir(options.stateDir, name),
      hint: `kit drift --env ${name}`,
    });
  }
  await synthesise(environment, options);
  const cwd = await initialised(environment, options);
  const args = ['apply', `-replace=${address}`, '-auto-approve', '-input=false', '-no-color'];
  const record = await terraform(args, cwd, options);
  if (record.exitCode !== 0) throw explain('replace', name, `${record.stdout}\n${record.stderr}`, cwd);
}

/** What a deploy would do now. Synthesises, looks, changes nothing. */
export async function terraformPlan(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<{ readonly changes: boolean; readonly steps: readonly { action: string; address: string }[] }> {
  await synthesise(environment, options);
  const cwd = await initialised(environment, options);
  const args = ['plan', '-detailed-exitcode', '-input=false', '-lock=false', '-no-color', '-json'];
  const record = await terraform(args, cwd, options);
  if (record.exitCode !== 0 && record.exitCode !== 2)
    throw explain('plan', environment.name, record.stdout, cwd);
  const steps = record.stdout.split('\n').flatMap((line) => {
    const event = parseLine(line);
    return event?.type === 'planned_change' && event.change !== undefined
      ? [{ action: event.change.action, address: event.change.resource.addr }]
      : [];
  });
  return { changes: record.exitCode === 2, steps };
}

/** The stack's folder, with the plugin in place. */
async function initialised(environment: EnvironmentConfig, options: TerraformOptions): Promise<string> {
  const cwd = stackDir(options.stateDir, environment.name);
  if (!existsSync(join(cwd, '.terraform'))) {
    must(await terraform(['init', '-input=false', '-no-color'], cwd, options), environment);
  }
  return cwd;
}

async function synthesise(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  const record = await runProgram({
    command: join(BIN, 'node'),
    args: ['--no-deprecation', join(import.meta.dirname, 'app.ts')],
    cwd: PROJECT,
    env: {
      ...programEnv(),
      ...appEnv(environment, options),
      CDKTF_OUTDIR: synthesisDir(options.stateDir),
      SYNTH_HCL_OUTPUT: 'false',
    },
    timeoutMs: 60_000,
  });
  must(record, environment);
}

function must(record: ProgramRecord, environment: EnvironmentConfig): void {
  if (record.exitCode === 0) return;
  throw explain(
    'plan',
    environment.name,
    stripVTControlCharacters(`${record.stdout}\n${record.stderr}`),
    environment.name,
  );
}

async function terraform(
  args: readonly string[],
  cwd: string,
  options: TerraformOptions,
): Promise<ProgramRecord> {
  return await runProgram({
    command: options.program ?? (await terraformProgram()),
    args,
    cwd,
    env: programEnv(),
    timeoutMs: DEPLOY_TIMEOUT_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** Terraform, or OpenTofu where that is what there is; `TERRAFORM_BINARY_NAME` is CDKTF's own variable for it. */
export async function terraformProgram(): Promise<string> {
  const named = readVariables().get('TERRAFORM_BINARY_NAME')?.text;
  if (named !== undefined) return named;
  if ((await findProgram('terraform')) !== undefined) return 'terraform';
  if ((await findProgram('tofu')) !== undefined) return 'tofu';
  throw new KitError('neither terraform nor tofu is installed', {
    code: 'TERRAFORM_NOT_FOUND',
    where: 'PATH',
    hint: 'install Terraform >= 1.5 or OpenTofu >= 1.6',
  });
}

/** The environment as resolved, flags and variables included, for the app to read: its command line is `cdktf`'s. */
function appEnv(environment: EnvironmentConfig, options: TerraformOptions): Record<string, string> {
  const path = join(environmentDir(options.stateDir, environment.name), 'environment.yaml');
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  // JSON is YAML; sizes are numbers of bytes by now, which the schema takes as well.
  writeFileSync(path, JSON.stringify(environment, null, 2), { mode: 0o600 });
  return {
    KIT_STACKS: path,
    KIT_STATE_DIR: options.stateDir,
    KIT_ALLOW_DESTROY: options.allowDestroy === true ? environment.name : '',
  };
}

/**
 * The provider waits 2 s at each look at a network and at each removal of a network or volume. To remove what is there nobody
 * has to look first (what is gone already counts as removed), and all removals wait at the same time.
 */
const DESTROY_ARGS = '-refresh=false -parallelism=32';

function programEnv(): Record<string, string> {
  const variables = readVariables();
  const configFile = variables.get('TF_CLI_CONFIG_FILE')?.text;
  return {
    PATH: [BIN, variables.get('PATH')?.text ?? ''].join(delimiter),
    CI: '1',
    CHECKPOINT_DISABLE: '1',
    NODE_OPTIONS: '--no-deprecation',
    // `providers lock` asks the registry whatever is at hand; a plugin from a local directory needs none.
    ...(localPlugin() === undefined ? {} : { CDKTF_SKIP_PROVIDER_LOCK: 'true' }),
    // A configuration file that does not exist is a warning on every line of output.
    ...(configFile !== undefined && !existsSync(configFile) ? { TF_CLI_CONFIG_FILE: '' } : {}),
    TF_CLI_ARGS_destroy: variables.get('TF_CLI_ARGS_destroy')?.text ?? DESTROY_ARGS,
  };
}

/** The implied local directories in which Terraform finds plugins without any configuration. */
const PLUGIN_DIRS = [
  join(homedir(), '.terraform.d', 'plugins'),
  join(homedir(), '.local', 'share', 'terraform', 'plugins'),
  '/usr/local/share/terraform/plugins',
  '/usr/share/terraform/plugins',
];

/** The provider's plugin in one of the local directories, whatever registry's name stands above it. */
export function localPlugin(version = PROVIDER_VERSION): string | undefined {
  const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return PLUGIN_DIRS.flatMap((root) =>
    hostsIn(root).map((host) => join(root, host, 'kreuzwerker', 'docker', version, platform)),
  ).find((path) => existsSync(path));
}

/** Of the plugin directories, the one that holds this plugin. */
export function pluginRoot(plugin: string): string {
  return PLUGIN_DIRS.find((root) => plugin.startsWith(`${root}/`)) ?? plugin;
}

function hostsIn(root: string): readonly string[] {
  return existsSync(root) ? readdirSync(root) : [];
}

interface State {
  readonly outputs?: Readonly<Record<string, { readonly value: unknown }>>;
  readonly resources?: readonly StateResource[];
}
interface StateResource {
  readonly type: string;
  readonly name: string;
  readonly instances: readonly { readonly attributes: { readonly id?: string; readonly name?: string } }[];
}

function localState(stateDir: string, name: string): State {
  const path = join(environmentDir(stateDir, name), 'terraform.tfstate');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

const readState = (stateDir: string, name: string): readonly StateResource[] =>
  localState(stateDir, name).resources ?? [];

/** The outputs of the last deploy, from the local state; undefined where nothing is deployed. */
export function readOutputs(stateDir: string, name: string): Outputs | undefined {
  const { outputs, resources } = localState(stateDir, name);
  if (outputs?.nodes === undefined || (resources ?? []).length === 0) return undefined;
  const values = Object.entries(outputs).map(([key, { value }]) => [key, value] as const);
  return Object.fromEntries(values) as unknown as Outputs;
}

/** Ids of all that the local state knows: what else carries the environment's label was left by an interruption. */
export function ownedIds(stateDir: string, name: string): ReadonlySet<string> {
  const instances = readState(stateDir, name).flatMap((resource) => resource.instances);
  return new Set(instances.flatMap(({ attributes }) => attributes.id ?? []));
}

const PROBLEMS: readonly {
  readonly when: RegExp;
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}[] = [
  {
    when: /port is already allocated|address already in use|bind for .* failed/i,
    code: 'PORT_IN_USE',
    what: 'a port that the environment publishes is taken',
    hint: 'end what listens there (ss -ltnp), or set docker.ports in the environment',
  },
  {
    when: /pool overlaps with other one|could not find an available.*address pool|all predefined address pools/i,
    code: 'SUBNET_IN_USE',
    what: 'the addresses of the data network are taken by another network',
    hint: 'set docker.subnet in the environment to a free /24, or docker network prune',
  },
  {
    when: /error acquiring the state lock/i,
    code: 'STATE_LOCKED',
    what: 'another deploy of this environment is running',
    hint: 'wait until it has ended; after a crash: terraform force-unlock with the id that the log names',
  },
  {
    when: /could not connect to|failed to query available provider packages|provider registry|Could not retrieve providers/i,
    code: 'PLUGIN_MISSING',
    what: "Terraform cannot get the Docker provider's plugin",
    hint: 'kit doctor --substrate docker',
  },
  {
    when: /unable to (read|find) docker image|pull access denied|no such image|unable to pull image|error pulling image/i,
    code: 'IMAGE_MISSING',
    what: 'an image is not here and cannot be pulled',
    hint: 'kit images build (or kit bundle load FILE)',
  },
  {
    when: /no space left on device/i,
    code: 'DISK_FULL',
    what: 'the disk is full',
    hint: 'make room (docker system df), then deploy again: it goes on where it stopped',
  },
  {
    when: /cannot be destroyed|prevent_destroy/i,
    code: 'PROTECTED',
    what: 'the environment is protected: its data would be destroyed',
    hint: 'if that is what you want, set KIT_ALLOW_DESTROY to the name of the environment',
  },
  {
    when: /cannot connect to the docker daemon/i,
    code: 'DOCKER_NO_ENGINE',
    what: 'no Docker engine answers',
    hint: 'start one (sudo systemctl start docker; or: sudo dockerd &), or name it in DOCKER_HOST',
  },
  {
    when: /did not become ready within/i,
    code: 'NOT_HEALTHY',
    what: 'the containers run, but the sentinels did not agree on a master in time',
    hint: 'docker logs of the nodes; then deploy again',
  },
];

/** One error out of pages of output. */
export function explain(verb: string, name: string, output: string, log: string): KitError {
  const problem = PROBLEMS.find(({ when }) => when.test(output));
  const detail = /Error: (.*)/.exec(output)?.[1]?.trim() ?? output.trim().split('\n').at(-1) ?? '';
  return new KitError(
    problem === undefined ? `${verb} of '${name}' failed: ${detail}` : `${problem.what}: ${detail}`,
    {
      code: problem?.code ?? 'TERRAFORM_FAILED',
      where: log,
      hint: problem?.hint ?? 'the whole output is in that file; deploying again goes on where it stopped',
      exitCode: problem === undefined ? EXIT.NO_GO : EXIT.USAGE,
    },
  );
}

interface PlanEvent {
  readonly type: string;
  readonly change?: { readonly action: string; readonly resource: { readonly addr: string } };
}

function parseLine(line: string): PlanEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  return JSON.parse(line) as PlanEvent;
}
