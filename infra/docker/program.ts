/**
 * The programs behind a deploy: CDKTF's command line, its app, Terraform or OpenTofu. Each call gets what all of them need to
 * know, and a folder for temporary files of its own, which goes with it: Terraform's plugins leave their sockets behind when
 * they are killed, as after Ctrl-C.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { readVariables } from '../../config/env.ts';
import { KitError } from '../../config/errors.ts';
import { findProgram, type ProgramRecord, type ProgramSink, runProgram } from '../process.ts';

const PROJECT = join(import.meta.dirname, '../..');
const BIN = join(PROJECT, 'node_modules', '.bin');
const DEPLOY_TIMEOUT_MS = 600_000;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets what the CDKTF command line said; Terraform's own answers are read and forgotten. */
  readonly sink?: ProgramSink | undefined;
  /** Hears what the CDKTF command line says, as it says it. */
  readonly onOutput?: ((piece: string) => void) | undefined;
  /** Terraform's program, where it is not the one of the search path. */
  readonly program?: string | undefined;
}

/** Where `cdktf` puts what it synthesises: plain `cdktf` and the kit share one folder, other state folders have theirs. */
export function synthesisDir(stateDir: string): string {
  return resolve(stateDir) === join(PROJECT, '.kit')
    ? join(PROJECT, 'cdktf.out')
    : join(stateDir, 'cdktf.out');
}

export const stackDir = (stateDir: string, name: string): string =>
  join(synthesisDir(stateDir), 'stacks', name);

/** `cdktf …` in the project's folder. */
export async function runCdktf(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  options: CallOptions,
): Promise<ProgramRecord> {
  return await call(
    join(BIN, 'cdktf'),
    args,
    { cwd: PROJECT, variables: { ...variables, ...(await programVariable(options)) } },
    options,
  );
}

/** The name by which CDKTF, its library in the app included, calls Terraform: it does not look for OpenTofu by itself. */
const programVariable = async ({ program }: CallOptions) => ({
  TERRAFORM_BINARY_NAME: program ?? (await terraformProgram()),
});

/** The CDKTF app by itself: synthesises, and nothing else. */
export async function runApp(
  variables: Readonly<Record<string, string>>,
  options: CallOptions,
): Promise<ProgramRecord> {
  const args = ['--no-deprecation', join(import.meta.dirname, 'app.ts')];
  const input = { cwd: PROJECT, variables: { ...variables, ...(await programVariable(options)) } };
  return await call(join(BIN, 'node'), args, input, { signal: options.signal });
}

/** `terraform …` in a folder. */
export async function runTerraform(
  args: readonly string[],
  cwd: string,
  { signal, program, input }: CallOptions & { readonly input?: string },
): Promise<ProgramRecord> {
  const command = program ?? (await terraformProgram());
  return await call(command, args, { cwd, variables: {}, input }, { signal });
}

interface CallInput {
  readonly cwd: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly input?: string | undefined;
}

async function call(
  command: string,
  args: readonly string[],
  { cwd, variables, input = '' }: CallInput,
  { signal, sink, onOutput }: CallOptions,
): Promise<ProgramRecord> {
  const folder = mkdtempSync(join(socketSafe(tmpdir()), 'kit-'));
  try {
    return await runProgram({
      ...{ command, args, cwd, input, timeoutMs: DEPLOY_TIMEOUT_MS },
      env: { ...programEnv(), ...variables, TMPDIR: folder },
      ...(signal === undefined ? {} : { signal }),
      ...(sink === undefined ? {} : { sink }),
      ...(onOutput === undefined ? {} : { onOutput }),
    });
  } finally {
    // What was killed may still be on its way out and write a last file.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The path of a Unix socket has 108 bytes; `/kit-XXXXXX/plugin4294967295` and its end take 29 of them. */
const SOCKET_FOLDER_LENGTH = 108 - 29;

export const socketSafe = (folder: string): string =>
  Buffer.byteLength(folder) <= SOCKET_FOLDER_LENGTH ? folder : '/tmp';

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

/** The provider waits 2 s at each look at a network. To remove what is there nobody has to look first: what is gone counts as removed. */
const DESTROY_ARGS = '-refresh=false -parallelism=64';

/** What `terraform destroy` is told by variable: the user's word, or the kit's. */
export const destroyArgs = (): string => readVariables().get('TF_CLI_ARGS_destroy')?.text ?? DESTROY_ARGS;

function programEnv(): Record<string, string> {
  const variables = readVariables();
  const configFile = variables.get('TF_CLI_CONFIG_FILE')?.text;
  return {
    PATH: [BIN, variables.get('PATH')?.text ?? ''].join(delimiter),
    CI: '1',
    CHECKPOINT_DISABLE: '1',
    NODE_OPTIONS: '--no-deprecation',
    // `providers lock` asks the registry whatever is at hand, for hashes of platforms that no deploy of ours runs on.
    CDKTF_SKIP_PROVIDER_LOCK: 'true',
    // A configuration file that does not exist is a warning on every line of output.
    ...(configFile !== undefined && !existsSync(configFile) ? { TF_CLI_CONFIG_FILE: '' } : {}),
    TF_CLI_ARGS_destroy: destroyArgs(),
  };
}
