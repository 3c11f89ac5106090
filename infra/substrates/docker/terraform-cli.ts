/**
 * Programs that a deploy runs: the CDKTF app ─▶ terraform init ─▶ terraform apply or destroy, with Terraform or
 * OpenTofu. These are the steps of `npx cdktf deploy`, on the same stack and state. Each call gets the common variables
 * and its own folder for temporary files, which is removed afterwards: Terraform's plugins leave their sockets behind
 * when they are killed, as after Ctrl-C.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readVariables } from '../../../config/env.ts';
import { KitError } from '../../../config/errors.ts';
import { IS_BUILT, MODULE_ENDING } from '../../../config/installation.ts';
import { findProgram, type ProgramRecord, type ProgramSink, runProgram } from '../../host/process.ts';

const PROJECT = join(import.meta.dirname, '../../..');
/** Working directory of the app. In the package it is the user's working directory, whose `.env` the app reads. */
const APP_DIR = IS_BUILT ? process.cwd() : PROJECT;
const DEPLOY_TIMEOUT_MS = 600_000;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Receives the output of apply or destroy; the output of other calls is not recorded. */
  readonly sink?: ProgramSink | undefined;
  /** Receives the output of apply or destroy as it is written. */
  readonly onOutput?: ((piece: string) => void) | undefined;
  /** Terraform program, if it differs from the one on the search path. */
  readonly program?: string | undefined;
}

/**
 * Returns the output folder of `cdktf`. With the default state directory, the kit uses the same folder as plain
 * `cdktf`; every other state directory has its own.
 */
export function synthesisDir(stateDir: string): string {
  return resolve(stateDir) === join(PROJECT, '.kit')
    ? join(PROJECT, 'cdktf.out')
    : join(stateDir, 'cdktf.out');
}

export const stackDir = (stateDir: string, name: string): string =>
  join(synthesisDir(stateDir), 'stacks', name);

export type Verb = 'deploy' | 'destroy';

/**
 * Runs the steps of `cdktf deploy` or `cdktf destroy` without the command line of CDKTF, which takes 2 to 3 s of CPU
 * time and is not part of the installed package.
 *
 * @param name name of the environment and of its stack
 */
export async function runStack(
  verb: Verb,
  name: string,
  {
    stateDir,
    variables,
  }: { readonly stateDir: string; readonly variables: Readonly<Record<string, string>> },
  options: CallOptions,
): Promise<ProgramRecord> {
  const { signal, sink, onOutput } = options;
  const program = options.program ?? (await terraformProgram());
  const cwd = stackDir(stateDir, name);
  const terraform = (args: readonly string[], sinks: CallOptions = {}) =>
    runInProject(program, [...args, '-input=false', '-no-color'], { cwd, variables }, { signal, ...sinks });
  const synthesis = { ...variables, CDKTF_OUTDIR: synthesisDir(stateDir), SYNTH_HCL_OUTPUT: 'false' };
  const steps = [
    () => runApp(synthesis, options, [verb, name]),
    () => terraform(['init']),
    () => terraform([verb === 'deploy' ? 'apply' : 'destroy', '-auto-approve'], { sink, onOutput }),
  ];
  const records: ProgramRecord[] = [];
  for (const step of steps) {
    const record = await step();
    records.push(record);
    if (record.exitCode !== 0) break;
  }
  return joinRecords(records);
}

/** Returns the last record, with the output of all steps. */
function joinRecords(records: readonly ProgramRecord[]): ProgramRecord {
  const last = records.at(-1);
  if (last === undefined) throw new Error('there is at least one step');
  const text = (stream: 'stdout' | 'stderr') => records.map((record) => record[stream]).join('');
  const tookMs = records.reduce((sum, record) => sum + record.tookMs, 0);
  return { ...last, stdout: text('stdout'), stderr: text('stderr'), tookMs };
}

/**
 * Returns the variable that selects the Terraform program for CDKTF and for its library in the app, because CDKTF does
 * not search for OpenTofu.
 */
const programVariable = async ({ program }: CallOptions) => ({
  TERRAFORM_BINARY_NAME: program ?? (await terraformProgram()),
});

/**
 * Runs only the CDKTF app, which synthesises the stack.
 *
 * @param call verb and environment, as in a call to `npx cdktf`; empty to only synthesise
 */
export async function runApp(
  variables: Readonly<Record<string, string>>,
  options: CallOptions,
  call: readonly string[] = [],
): Promise<ProgramRecord> {
  const args = ['--no-deprecation', join(import.meta.dirname, `app${MODULE_ENDING}`), ...call];
  const input = { cwd: APP_DIR, variables: { ...variables, ...(await programVariable(options)) } };
  return await runInProject(process.execPath, args, input, { signal: options.signal });
}

/** Runs `terraform …` in a folder. */
export async function runTerraform(
  args: readonly string[],
  cwd: string,
  { signal, program, input }: CallOptions & { readonly input?: string },
): Promise<ProgramRecord> {
  const command = program ?? (await terraformProgram());
  return await runInProject(command, args, { cwd, variables: {}, input }, { signal });
}

interface CallInput {
  readonly cwd: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly input?: string | undefined;
}

async function runInProject(
  command: string,
  args: readonly string[],
  { cwd, variables, input = '' }: CallInput,
  { signal, sink, onOutput }: CallOptions,
): Promise<ProgramRecord> {
  const folder = mkdtempSync(join(shortTempDir(tmpdir()), 'kit-'));
  try {
    return await runProgram({
      ...{ command, args, cwd, input, timeoutMs: DEPLOY_TIMEOUT_MS },
      env: { ...programEnv(), ...variables, TMPDIR: folder },
      ...(signal === undefined ? {} : { signal }),
      ...(sink === undefined ? {} : { sink }),
      ...(onOutput === undefined ? {} : { onOutput }),
    });
  } finally {
    // A killed process may still be exiting and write a last file.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Maximum length of the path of the folder for sockets. A Unix socket path has at most 108 bytes, of which
 * `/kit-XXXXXX/plugin4294967295` and its terminator take 29.
 */
const SOCKET_FOLDER_LENGTH = 108 - 29;

export const shortTempDir = (folder: string): string =>
  Buffer.byteLength(folder) <= SOCKET_FOLDER_LENGTH ? folder : '/tmp';

/**
 * Returns the program: Terraform, or OpenTofu if only that is installed. `TERRAFORM_BINARY_NAME` is CDKTF's own
 * variable for this choice.
 */
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

/**
 * Default arguments of a destroy. The provider waits 2 s for each refresh of a network. A removal needs no refresh,
 * because a missing resource counts as removed.
 */
const DESTROY_PARALLELISM = 64;

/** Returns the arguments of `terraform destroy`: the user's variable, otherwise the kit's default. */
export const destroyArgs = (parallelism = DESTROY_PARALLELISM): string =>
  readVariables().get('TF_CLI_ARGS_destroy')?.text ?? `-refresh=false -parallelism=${parallelism}`;

function programEnv(): Record<string, string> {
  const variables = readVariables();
  const configFile = variables.get('TF_CLI_CONFIG_FILE')?.text;
  return {
    CI: '1',
    CHECKPOINT_DISABLE: '1',
    // A missing configuration file adds a warning to every line of output.
    ...(configFile !== undefined && !existsSync(configFile) ? { TF_CLI_CONFIG_FILE: '' } : {}),
    TF_CLI_ARGS_destroy: destroyArgs(),
  };
}
