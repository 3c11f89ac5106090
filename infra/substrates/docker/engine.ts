/**
 * Access to the Docker engine through its command line: everything in this folder except Terraform uses it.
 *
 * It uses the command line instead of the socket, so that contexts, DOCKER_HOST over ssh or TLS, and rootless engines
 * work as they do for the user. Left out: the expected resources (`plan.ts`) and the meaning of differences
 * (`drift.ts`).
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { findProgram, type ProgramRecord, runProgram } from '../../host/process.ts';

export interface EngineOptions {
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** Fields of `docker inspect` that the kit reads of a container. */
export interface ContainerFacts {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: {
    readonly Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: {
    readonly Image: string;
    readonly User: string;
    readonly Env: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Healthcheck?: {
      readonly Test?: readonly string[];
      readonly Interval?: number;
      readonly Timeout?: number;
      readonly Retries?: number;
    };
  };
  readonly HostConfig: {
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly PidsLimit: number | null;
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly RestartPolicy: { readonly Name: string };
    readonly PortBindings: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
  };
  readonly Mounts: readonly { readonly Name?: string; readonly Destination: string }[];
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly NetworkID: string }>>;
  };
}

/**
 * Runs `docker …`; a non-zero exit code is a result.
 * @throws KitError only if the engine itself is unavailable
 */
export async function tryDocker(
  args: readonly string[],
  options: EngineOptions = {},
): Promise<ProgramRecord> {
  const record = await runProgram({ command: 'docker', args, timeoutMs: 30_000, ...options }).catch(
    (cause) => {
      if (cause instanceof KitError && cause.code === 'PROGRAM_NOT_FOUND') throw noCommand(cause);
      throw cause;
    },
  );
  const trouble = record.exitCode === 0 ? undefined : engineTrouble(record.stderr);
  if (trouble !== undefined) throw trouble;
  return record;
}

/** Runs `docker …` and returns its output. @throws KitError with the message of the engine */
export async function docker(args: readonly string[], options: EngineOptions = {}): Promise<string> {
  const record = await tryDocker(args, options);
  if (record.exitCode === 0) return record.stdout.trim();
  throw new KitError(`docker ${args[0]} failed: ${lastLine(record.stderr)}`, {
    code: 'DOCKER_FAILED',
    where: `docker ${args.join(' ')}`,
    hint: 'kit doctor --substrate docker',
    exitCode: EXIT.NO_GO,
  });
}

/** Returns containers by name; the map does not contain missing containers. */
export async function inspectContainers(
  names: readonly string[],
): Promise<ReadonlyMap<string, ContainerFacts>> {
  if (names.length === 0) return new Map();
  // Exit code 1 only means that some containers do not exist; stdout has the others.
  const record = await tryDocker(['container', 'inspect', ...names]);
  const found: ContainerFacts[] = JSON.parse(record.stdout === '' ? '[]' : record.stdout);
  return new Map(found.map((facts) => [facts.Name.replace(/^\//, ''), facts]));
}

/** Returns the names of the resources with a label. */
export async function listLabelled(
  kind: 'container' | 'volume' | 'network',
  label: string,
): Promise<readonly string[]> {
  const all = kind === 'container' ? ['--all'] : [];
  const format = kind === 'container' ? '{{.Names}}' : '{{.Name}}';
  const text = await docker([kind, 'ls', ...all, '--filter', `label=${label}`, '--format', format]);
  return text === '' ? [] : text.split('\n').sort();
}

/**
 * Returns containers or networks with a label, by id, since networks may share a name. With `network`, only containers
 * in it.
 */
export async function labelledIds(
  kind: 'container' | 'network',
  label: string,
  network?: string,
): Promise<readonly { readonly kind: typeof kind; readonly id: string; readonly name: string }[]> {
  const all = kind === 'container' ? ['--all'] : [];
  const format = kind === 'container' ? '{{.ID}} {{.Names}}' : '{{.ID}} {{.Name}}';
  const text = await docker([
    ...[kind, 'ls', ...all, '--no-trunc', '--filter', `label=${label}`],
    ...(network === undefined ? [] : ['--filter', `network=${network}`]),
    ...['--format', format],
  ]);
  const lines = text === '' ? [] : text.split('\n');
  return lines.map((line) => {
    const [id = '', name = ''] = line.split(' ');
    return { kind, id, name };
  });
}

export async function imageExists(tag: string): Promise<boolean> {
  return (await tryDocker(['image', 'inspect', '--format', '{{.Id}}', tag])).exitCode === 0;
}

/** Returns the version of the engine. @throws KitError if it does not answer */
export async function engineVersion(): Promise<string> {
  return await docker(['version', '--format', '{{.Server.Version}}'], { timeoutMs: 5_000 });
}

/** Returns the KitError for an error of the engine; undefined if the error concerns the request. */
export function engineTrouble(stderr: string): KitError | undefined {
  if (/permission denied.*(docker|socket)/is.test(stderr)) {
    return new KitError('the Docker engine denies access to this user', {
      code: 'DOCKER_PERMISSION',
      where: socketOf(stderr),
      hint: 'run sudo usermod -aG docker "$USER" and log in again, or use a rootless engine',
    });
  }
  // A running engine may report an unreachable registry.
  const ofTheEngine = !/error response from daemon/i.test(stderr);
  if (
    ofTheEngine &&
    /cannot connect to the docker daemon|error during connect|connection refused/i.test(stderr)
  ) {
    return new KitError('no Docker engine is reachable', {
      code: 'DOCKER_NO_ENGINE',
      where: socketOf(stderr),
      hint: 'start one (sudo systemctl start docker, or sudo dockerd &), or set DOCKER_HOST',
    });
  }
  return undefined;
}

const socketOf = (stderr: string): string =>
  /(?:unix|tcp|ssh|http):\/\/[^\s:"?]*[^\s:"?.](?::\d+)?/.exec(stderr)?.[0] ?? 'the default socket';

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

function noCommand(cause: KitError): KitError {
  return new KitError('the docker command is not installed', {
    code: 'DOCKER_NOT_FOUND',
    where: 'PATH',
    hint: 'install Docker Engine from the distribution or docker-ce',
    cause,
  });
}

/** Returns whether `docker` is on the search path. */
export const dockerInstalled = async (): Promise<boolean> => (await findProgram('docker')) !== undefined;
