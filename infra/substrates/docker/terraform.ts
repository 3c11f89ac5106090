/**
 * Runs Terraform (or OpenTofu) on the stack of an environment: deploy, replace, plan; `destroy.ts` destroys. A failure
 * becomes one clear error; the complete output is stored in a log file.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { diskError } from '../../host/disk.ts';
import type { ProgramRecord } from '../../host/process.ts';
import { planTopology } from '../../topology.ts';
import { tryDocker } from './engine.ts';
import { enginesOf } from './engines.ts';
import { planDocker } from './plan.ts';
import { dockerSettings } from './settings.ts';
import { SSH_PARALLELISM } from './ssh-connections.ts';
import { sshTarget } from './ssh-target.ts';
import { containerAddress, idsIn, readState, type StateOptions, stateFile } from './state.ts';
import { environmentDir } from './state-files.ts';
import {
  type CallOptions,
  destroyArgs,
  runApp,
  runStack,
  runTerraform,
  stackDir,
  synthesisDir,
  type Verb,
} from './terraform-cli.ts';
import { explainTerraformError, knownTerraformError } from './terraform-errors.ts';

export interface TerraformOptions extends StateOptions {
  /** Whether a protected environment may be destroyed. */
  readonly allowDestroy?: boolean;
}

/** Creates the environment, or updates it to match the configuration. @throws KitError */
export async function deploy(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  await cdktf('deploy', environment, options);
}

/** Requires the user's consent to destroy a protected environment. @throws KitError `PROTECTED` */
export function requireDestroyable(
  { name, docker }: { readonly name: string; readonly docker: { readonly protected: boolean } },
  allowed: boolean | undefined,
): void {
  if (docker.protected && allowed !== true) throw knownTerraformError('PROTECTED', `environment ${name}`);
}

/** Runs one verb; a failure becomes one clear error. */
export async function cdktf(
  verb: Verb,
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<void> {
  const record = await runVerb(verb, environment, options);
  if (record.exitCode === 0) return;
  const error = explainTerraformError(
    verb,
    environment.name,
    textOf(record),
    logOf(verb, environment, options),
  );
  throw error.code === 'NOT_HEALTHY' ? await withLastLogLine(error, environment) : error;
}

/** Adds the last log line of the waiting container to the error: Terraform shows only its exit code. */
async function withLastLogLine(error: KitError, environment: EnvironmentConfig): Promise<KitError> {
  const { ready } = planDocker(planTopology(environment));
  const { stdout } = await tryDocker(['logs', '--tail', '1', ready.container], { engine: ready.engine });
  const { code, where = '', hint = '', exitCode } = error;
  return stdout === ''
    ? error
    : new KitError(`${error.message}: ${stdout.trim()}`, { code, where, hint, exitCode });
}

const textOf = ({ stdout, stderr }: ProgramRecord): string =>
  stripVTControlCharacters(`${stdout}\n${stderr}`);

const logOf = (verb: string, { name }: EnvironmentConfig, { stateDir }: TerraformOptions): string =>
  join(stateDir, 'docker', 'logs', `${name}-${verb}.log`);

/** Runs one verb and stores its output. */
export async function runVerb(
  verb: Verb,
  environment: EnvironmentConfig,
  options: TerraformOptions & Pick<CallOptions, 'onOutput'>,
  variables: Readonly<Record<string, string>> = {},
): Promise<ProgramRecord> {
  const call = {
    stateDir: options.stateDir,
    variables: { ...appEnv(environment, options), ...destroyEnv(environment), ...variables },
  };
  const record = await runStack(verb, environment.name, call, options);
  const log = logOf(verb, environment, options);
  try {
    mkdirSync(join(log, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(log, textOf(record), { mode: 0o600 });
  } catch (error) {
    // A log that does not fit on the disk must not hide the error that it describes.
    if (record.exitCode === 0) throw diskError(error, log);
  }
  return record;
}

/**
 * Replaces only one container, and the resources on which it depends, if they differ or are missing (`terraform apply
 * -target`).
 */
export async function replaceContainer(
  environment: EnvironmentConfig,
  container: string,
  options: TerraformOptions,
): Promise<void> {
  const { name } = environment;
  await synthesise(environment, options);
  const cwd = await ensureInitialised(environment, options);
  const state = await readState(environment, options);
  const address =
    containerAddress(state, container) ??
    // An environment that is not deployed has no container to replace.
    (idsIn(state).size === 0 ? undefined : synthesisedAddress(cwd, container));
  if (address === undefined) {
    throw new KitError(`'${container}' is not a container of '${name}'`, {
      code: 'CONTAINER_UNKNOWN',
      where: environmentDir(options.stateDir, name),
      hint: `run kit drift ${environmentFlags(environment)}`,
    });
  }
  const args = ['apply', `-target=${address}`, '-auto-approve', '-input=false', '-no-color'];
  const record = await runTerraform(args, cwd, options);
  if (record.exitCode !== 0)
    throw explainTerraformError('replace', name, `${record.stdout}\n${record.stderr}`, cwd);
}

/** Returns the Terraform address of a container that is missing from the state, for example after an interruption. */
function synthesisedAddress(cwd: string, container: string): string | undefined {
  const file = join(cwd, 'cdk.tf.json');
  if (!existsSync(file)) return undefined;
  const { resource } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly resource?: { readonly docker_container?: Readonly<Record<string, { readonly name?: string }>> };
  };
  const found = Object.entries(resource?.docker_container ?? {}).find(([, { name }]) => name === container);
  return found === undefined ? undefined : `docker_container.${found[0]}`;
}

/** Plans a deploy: synthesises, reads, changes nothing. */
export async function terraformPlan(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<{ readonly changes: boolean; readonly steps: readonly { action: string; address: string }[] }> {
  await synthesise(environment, options);
  const cwd = await ensureInitialised(environment, options);
  const args = ['plan', '-detailed-exitcode', '-input=false', '-lock=false', '-no-color', '-json'];
  const record = await runTerraform(args, cwd, options);
  if (record.exitCode !== 0 && record.exitCode !== 2)
    throw explainTerraformError('plan', environment.name, record.stdout, cwd);
  const steps = record.stdout.split('\n').flatMap((line) => {
    const event = parseLine(line);
    return event?.type === 'planned_change' && event.change !== undefined
      ? [{ action: event.change.action, address: event.change.resource.addr }]
      : [];
  });
  return { changes: record.exitCode === 2, steps };
}

/**
 * Acquires and releases the state lock. Afterwards, everything that a deploy created before this call belongs to a
 * deploy that has ended. `console` is the only command that just locks the state; it accepts a local state only as its
 * own argument.
 *
 * @throws KitError `STATE_LOCKED` while another deploy is running
 */
export async function requireUnlocked(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<void> {
  await synthesise(environment, options);
  const cwd = await ensureInitialised(environment, options);
  const file = stateFile(environment, options.stateDir);
  const args = ['console', ...(file === undefined ? [] : [`-state=${file}`])];
  requireSuccess(await runTerraform(args, cwd, { ...options, input: '1\n' }), environment);
}

/** Returns the stack's folder, with the plugin initialised. */
async function ensureInitialised(environment: EnvironmentConfig, options: TerraformOptions): Promise<string> {
  const cwd = stackDir(options.stateDir, environment.name);
  if (!existsSync(join(cwd, '.terraform'))) {
    requireSuccess(await runTerraform(['init', '-input=false', '-no-color'], cwd, options), environment);
  }
  return cwd;
}

async function synthesise(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  const variables = {
    ...appEnv(environment, options),
    CDKTF_OUTDIR: synthesisDir(options.stateDir),
    SYNTH_HCL_OUTPUT: 'false',
  };
  const record = await runApp(variables, options);
  requireSuccess(record, environment);
}

function requireSuccess(record: ProgramRecord, environment: EnvironmentConfig): void {
  if (record.exitCode === 0) return;
  throw explainTerraformError('plan', environment.name, textOf(record), environment.name);
}

/**
 * Passes the resolved environment, including flags and variables, to the app, because the command line belongs to
 * `cdktf`.
 */
function appEnv(environment: EnvironmentConfig, options: TerraformOptions): Record<string, string> {
  const path = join(environmentDir(options.stateDir, environment.name), 'environment.yaml');
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  // JSON is YAML; sizes are numbers of bytes at this point, which the schema accepts too.
  writeFileSync(path, JSON.stringify(environment, null, 2), { mode: 0o600 });
  return {
    KIT_STACKS: path,
    KIT_STATE_DIR: options.stateDir,
    KIT_IMAGES_LOCK: dockerSettings().imagesLock,
    KIT_ALLOW_DESTROY: options.allowDestroy === true ? environment.name : '',
  };
}

/** Limits a destroy of engines at ssh://, which opens a connection per operation. */
function destroyEnv(environment: EnvironmentConfig): Record<string, string> {
  const isOverSsh = enginesOf(environment).some((engine) => engine && sshTarget(engine.url) !== undefined);
  return isOverSsh ? { TF_CLI_ARGS_destroy: destroyArgs(SSH_PARALLELISM) } : {};
}

interface PlanEvent {
  readonly type: string;
  readonly change?: { readonly action: string; readonly resource: { readonly addr: string } };
}

function parseLine(line: string): PlanEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  return JSON.parse(line) as PlanEvent;
}
