/**
 * Terraform (or OpenTofu) through the CDKTF command line: deploy, destroy, plan. What went wrong comes back as one clear
 * error; the whole output is kept in the environment's folder.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { KitError } from '../../config/errors.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { diskError } from '../disk.ts';
import type { ProgramRecord } from '../process.ts';
import { planTopology } from '../topology.ts';
import { tryDocker } from './engine.ts';
import { environmentDir } from './files.ts';
import { planDocker } from './plan.ts';
import { explain, problem } from './problems.ts';
import {
  type CallOptions,
  destroyArgs,
  runApp,
  runCdktf,
  runTerraform,
  stackDir,
  synthesisDir,
} from './program.ts';
import { removeUnused, requireUnused } from './removal.ts';
import { dockerSettings } from './settings.ts';
import {
  addressesIn,
  containerAddress,
  forgetAll,
  readState,
  type StateOptions,
  stateFile,
} from './state.ts';

export interface TerraformOptions extends StateOptions {
  /** May a protected environment be destroyed? */
  readonly allowDestroy?: boolean;
}

/** Stands the environment up, or brings it to what the configuration says. @throws KitError */
export async function deploy(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  await cdktf('deploy', environment, options);
}

/** A protected environment goes only where the user said so. @throws KitError `PROTECTED` */
export function requireDestroyable(
  { name, docker }: { readonly name: string; readonly docker: { readonly protected: boolean } },
  allowed: boolean | undefined,
): void {
  if (docker.protected && allowed !== true) throw problem('PROTECTED', `environment ${name}`);
}

/** Removes all that Terraform owns. @throws KitError `PROTECTED`, `NETWORK_IN_USE`, `VOLUME_IN_USE`, and what a deploy throws */
export async function destroy(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  requireDestroyable(environment, options.allowDestroy);
  if (!(await destroyContainersFirst(environment, options))) await cdktf('destroy', environment, options);
}

/**
 * The provider waits 2 s before it removes a network or a volume. So Terraform removes the containers, the engine what is free then, and
 * Terraform forgets it. At each step the state knows at least what is there: an interruption leaves nothing that a destroy, plain
 * `cdktf destroy` included, does not find.
 *
 * @returns false where a step failed: Terraform is to do it all, and says what is wrong
 */
async function destroyContainersFirst(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<boolean> {
  const state = await readState(environment, options);
  const containers = addressesIn(state, 'docker_container');
  if (containers.length === 0) {
    // Terraform would wait half a minute for whoever holds something, and not say who it is.
    await requireUnused(state);
    return false;
  }
  const targets = containers.map((address) => `-target=${address}`);
  // As JSON, because the command line takes its time over the long text of a plan.
  const variables = { TF_CLI_ARGS_destroy: [destroyArgs(), '-json', ...targets].join(' ') };
  let removal: Promise<boolean> | undefined;
  const removeRest = async () => (await removeUnused(state)) && (await forgetAll(environment, options));
  let said = '';
  const onOutput = (piece: string) => {
    said = (said + piece).slice(-1_000);
    if (removal !== undefined || !said.includes('Destroy complete!')) return;
    // The command line still needs a moment to end by itself.
    removal = removeRest();
  };
  try {
    const record = await runVerb('destroy', environment, { ...options, onOutput }, variables);
    return record.exitCode === 0 && (await (removal ?? removeRest()));
  } finally {
    // Its error is told above; here nothing of it may go on behind another one.
    await removal?.catch(() => {});
  }
}

async function cdktf(
  verb: 'deploy' | 'destroy',
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<void> {
  const record = await runVerb(verb, environment, options);
  if (record.exitCode === 0) return;
  const error = explain(verb, environment.name, textOf(record), logOf(verb, environment, options));
  throw error.code === 'NOT_HEALTHY' ? await withLastWord(error, environment) : error;
}

/** The container that waited says what was missing; Terraform shows its exit code alone. */
async function withLastWord(error: KitError, environment: EnvironmentConfig): Promise<KitError> {
  const { ready } = planDocker(planTopology(environment));
  const { stdout } = await tryDocker(['logs', '--tail', '1', ready.container]);
  const { code, where = '', hint = '', exitCode } = error;
  return stdout === ''
    ? error
    : new KitError(`${error.message}: ${stdout.trim()}`, { code, where, hint, exitCode });
}

const textOf = ({ stdout, stderr }: ProgramRecord): string =>
  stripVTControlCharacters(`${stdout}\n${stderr}`);

const logOf = (verb: string, { name }: EnvironmentConfig, { stateDir }: TerraformOptions): string =>
  join(stateDir, 'docker', 'logs', `${name}-${verb}.log`);

/** One verb of the CDKTF command line; what it said is kept. */
async function runVerb(
  verb: 'deploy' | 'destroy',
  environment: EnvironmentConfig,
  options: TerraformOptions & Pick<CallOptions, 'onOutput'>,
  variables: Readonly<Record<string, string>> = {},
): Promise<ProgramRecord> {
  const args = [verb, environment.name, '--auto-approve', '--output', synthesisDir(options.stateDir)];
  const record = await runCdktf(args, { ...appEnv(environment, options), ...variables }, options);
  const log = logOf(verb, environment, options);
  try {
    mkdirSync(join(log, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(log, textOf(record), { mode: 0o600 });
  } catch (error) {
    // A log that finds no room must not hide why there was something to say.
    if (record.exitCode === 0) throw diskError(error, log);
  }
  return record;
}

/** Replaces one container, whatever it is like (`terraform apply -replace`), and leaves the others alone. */
export async function replaceContainer(
  environment: EnvironmentConfig,
  container: string,
  options: TerraformOptions,
): Promise<void> {
  const { name } = environment;
  const address = containerAddress(await readState(environment, options), container);
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
  const record = await runTerraform(args, cwd, options);
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
  const record = await runTerraform(args, cwd, options);
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

/**
 * Takes the state's lock and gives it back: what a deploy made before this call was then made by one that has ended. The console
 * is the command that locks and does nothing else; it takes a local state by its own argument only.
 *
 * @throws KitError `STATE_LOCKED` while another deploy runs
 */
export async function requireUnlocked(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<void> {
  await synthesise(environment, options);
  const cwd = await initialised(environment, options);
  const file = stateFile(environment, options.stateDir);
  const args = ['console', ...(file === undefined ? [] : [`-state=${file}`])];
  must(await runTerraform(args, cwd, { ...options, input: '1\n' }), environment);
}

/** The stack's folder, with the plugin in place. */
async function initialised(environment: EnvironmentConfig, options: TerraformOptions): Promise<string> {
  const cwd = stackDir(options.stateDir, environment.name);
  if (!existsSync(join(cwd, '.terraform'))) {
    must(await runTerraform(['init', '-input=false', '-no-color'], cwd, options), environment);
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
  must(record, environment);
}

function must(record: ProgramRecord, environment: EnvironmentConfig): void {
  if (record.exitCode === 0) return;
  throw explain('plan', environment.name, textOf(record), environment.name);
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
    KIT_IMAGES_LOCK: dockerSettings().imagesLock,
    KIT_ALLOW_DESTROY: options.allowDestroy === true ? environment.name : '',
  };
}

interface PlanEvent {
  readonly type: string;
  readonly change?: { readonly action: string; readonly resource: { readonly addr: string } };
}

function parseLine(line: string): PlanEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  return JSON.parse(line) as PlanEvent;
}
