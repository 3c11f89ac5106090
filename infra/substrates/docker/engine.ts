/**
 * Access to the Docker engine through its command line: everything in this folder except Terraform uses it.
 *
 * It uses the command line instead of the socket, so that contexts, DOCKER_HOST over ssh or TLS, and rootless engines
 * work as they do for the user. For an environment with `hosts`, each engine is named explicitly (`docker -H`). Left
 * out: the expected resources (`plan.ts`) and the meaning of differences (`drift.ts`).
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { type ProgramRecord, runProgram } from '../../host/process.ts';
import { type Engine, engineArgs, unreachableEngine } from './engines.ts';
import { askEngine, isUnreachable } from './lost-engines.ts';
import { withConnection } from './ssh-connections.ts';
import { sshTrouble } from './ssh-errors.ts';

export interface EngineOptions {
  /** Engine of a host; default: the engine that the user's command line addresses. */
  readonly engine?: Engine | undefined;
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** Fields that the kit reads from `docker inspect` for a container. */
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
  const { engine, ...rest } = options;
  const request = { command: 'docker', args: [...engineArgs(engine), ...args], timeoutMs: 30_000, ...rest };
  const record = await withConnection(engine, () => runProgram(request)).catch((cause) => {
    if (cause instanceof KitError && cause.code === 'PROGRAM_NOT_FOUND') throw noCommand(cause);
    throw cause;
  });
  const trouble = record.exitCode === 0 ? undefined : engineTrouble(record.stderr, engine);
  if (trouble !== undefined) throw trouble;
  return record;
}

/** Runs `docker …` and returns its output. @throws KitError with the engine's message */
export async function docker(args: readonly string[], options: EngineOptions = {}): Promise<string> {
  const record = await tryDocker(args, options);
  if (record.exitCode === 0) return record.stdout.trim();
  throw new KitError(`docker ${args[0]} failed: ${lastLine(record.stderr)}`, {
    code: 'DOCKER_FAILED',
    where: `docker ${args.join(' ')}`,
    hint: 'run kit doctor --substrate docker',
    exitCode: EXIT.NO_GO,
  });
}

/** A container and its engine; a name alone means a container on the user's engine. */
export type ContainerPlace = string | { readonly container: string; readonly engine?: Engine | undefined };

/** Returns containers by name; the map does not contain missing containers. */
export async function inspectContainers(
  places: readonly ContainerPlace[],
): Promise<ReadonlyMap<string, ContainerFacts>> {
  return (await inspectReachable(places, (cause) => Promise.reject(cause))).found;
}

/**
 * Like `inspectContainers`, for an environment with several hosts: containers on an unreachable host are missing from
 * the result.
 *
 * @param onUnreachable handles the error of an engine that does not answer; default: continue without it
 */
export async function inspectReachable(
  places: readonly ContainerPlace[],
  onUnreachable: (cause: Error, engine: Engine) => Promise<void> = async () => {},
): Promise<{
  readonly found: ReadonlyMap<string, ContainerFacts>;
  /** Engines that did not answer. */
  readonly unreachable: readonly Engine[];
}> {
  const perEngine = new Map<Engine | undefined, string[]>();
  for (const place of places) {
    const { container, engine } = typeof place === 'string' ? { container: place } : place;
    perEngine.set(engine, [...(perEngine.get(engine) ?? []), container]);
  }
  const unreachable: Engine[] = [];
  const inspect = async ([engine, names]: readonly [Engine | undefined, readonly string[]]) => {
    if (engine === undefined) return await inspectOn(names, {});
    try {
      return await askEngine(engine, () => inspectOn(names, { engine, timeoutMs: ANSWER_TIMEOUT_MS }));
    } catch (error) {
      if (!(error instanceof KitError) || !isUnreachable(error)) throw error;
      await onUnreachable(error, engine);
      unreachable.push(engine);
      return [];
    }
  };
  const found = (await Promise.all([...perEngine].map(inspect))).flat();
  return { found: new Map(found.map((facts) => [facts.Name.replace(/^\//, ''), facts])), unreachable };
}

/** Time, in ms, within which the engine of a reachable host answers; a new ssh connection takes about 1 s of this. */
const ANSWER_TIMEOUT_MS = 10_000;

async function inspectOn(
  names: readonly string[],
  options: EngineOptions,
): Promise<readonly ContainerFacts[]> {
  // Exit code 1 only means that some containers do not exist; stdout contains the others.
  const record = await tryDocker(['container', 'inspect', ...names], options);
  return JSON.parse(record.stdout === '' ? '[]' : record.stdout);
}

/** Returns the engines that answer. */
export async function reachableEngines(
  engines: readonly (Engine | undefined)[],
): Promise<readonly (Engine | undefined)[]> {
  const asked = engines.map(async (engine) => {
    if (engine === undefined) return [engine];
    return await askEngine(engine, () => engineVersion(engine)).then(
      () => [engine],
      (error: unknown) => {
        if (error instanceof KitError && isUnreachable(error)) return [];
        throw error;
      },
    );
  });
  return (await Promise.all(asked)).flat();
}

/** Returns the names of the resources with a label. */
export async function listLabelled(
  kind: 'container' | 'volume' | 'network',
  label: string,
  engine?: Engine,
): Promise<readonly string[]> {
  const all = kind === 'container' ? ['--all'] : [];
  const format = kind === 'container' ? '{{.Names}}' : '{{.Name}}';
  const list = [kind, 'ls', ...all, '--filter', `label=${label}`, '--format', format];
  const text = await docker(list, { engine });
  return text === '' ? [] : text.split('\n').sort();
}

/**
 * Returns containers or networks with a label, by id, since networks may share a name. With `network`, returns only
 * containers in that network.
 */
export async function labelledIds(
  kind: 'container' | 'network',
  label: string,
  network?: string,
  engine?: Engine,
): Promise<readonly { readonly kind: typeof kind; readonly id: string; readonly name: string }[]> {
  const all = kind === 'container' ? ['--all'] : [];
  const format = kind === 'container' ? '{{.ID}} {{.Names}}' : '{{.ID}} {{.Name}}';
  const args = [
    ...[kind, 'ls', ...all, '--no-trunc', '--filter', `label=${label}`],
    ...(network === undefined ? [] : ['--filter', `network=${network}`]),
    ...['--format', format],
  ];
  const text = await docker(args, { engine });
  const lines = text === '' ? [] : text.split('\n');
  return lines.map((line) => {
    const [id = '', name = ''] = line.split(' ');
    return { kind, id, name };
  });
}

export async function imageExists(tag: string, engine?: Engine): Promise<boolean> {
  const record = await tryDocker(['image', 'inspect', '--format', '{{.Id}}', tag], { engine });
  return record.exitCode === 0;
}

/** Returns the id of an image on each engine that has it: an image that each engine builds itself has different ids. */
export async function imageIds(
  name: string,
  engines: readonly (Engine | undefined)[],
): Promise<ReadonlyMap<Engine | undefined, string>> {
  const read = engines.map(async (engine) => {
    const record = await tryDocker(['image', 'inspect', '--format', '{{.Id}}', name], { engine });
    return [engine, record.stdout.trim()] as const;
  });
  return new Map((await Promise.all(read)).filter(([, id]) => id !== ''));
}

/** Returns the engine version. @throws KitError if it does not answer */
export async function engineVersion(engine?: Engine): Promise<string> {
  const args = ['version', '--format', '{{.Server.Version}}'];
  if (engine === undefined) return await docker(args, { timeoutMs: 5_000 });
  return await docker(args, { engine, timeoutMs: ANSWER_TIMEOUT_MS }).catch((error: unknown) => {
    if (error instanceof KitError && error.code === 'PROGRAM_TIMEOUT') throw unreachableEngine(engine);
    throw error;
  });
}

/** Returns the KitError for an engine error; undefined if the error concerns the request. */
export function engineTrouble(stderr: string, engine?: Engine): KitError | undefined {
  const ofSsh = engine && sshTrouble(stderr, engine);
  if (ofSsh !== undefined) return ofSsh;
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
    if (engine !== undefined) return unreachableEngine(engine);
    return new KitError('no Docker engine is reachable', {
      code: 'DOCKER_NO_ENGINE',
      where: socketOf(stderr),
      hint: 'start an engine (sudo systemctl start docker, or sudo dockerd &), or set DOCKER_HOST',
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
