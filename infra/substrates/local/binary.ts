/**
 * Finds the server program of an environment, Redis or Valkey, and probes its features.
 *
 * Search order: named by the caller, by `local.server` of the environment or by `KIT_SERVER`; on the search path; as
 * `redis-check-rdb` (the same program under another name, which Debian ships in redis-tools); otherwise installed
 * (`install.ts`). An environment that names its server (`redis.server`) gets the first program of that version.
 *
 * Features are probed, not assumed: a build may lack active defragmentation (with the system's allocator) or TLS, and
 * both are fatal in a configuration that uses them.
 */
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readVariables } from '../../../config/env.ts';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { type NamedServer, namedServer, SUPPORTED_SERVERS } from '../../../config/server-name.ts';
import { diskError } from '../../host/disk.ts';
import {
  findProgram,
  findPrograms,
  type ProgramRequest,
  type ProgramSink,
  runProgram,
} from '../../host/process.ts';
import { type BinaryFacts, serverOf } from '../../redis/server-capabilities.ts';
import { DEFRAGMENTATION_PROBE, hasDefragmentation, hasTls, TLS_PROBE } from '../../redis/server-probe.ts';
import { formatServer, isServer, isSupported, parseBanner } from '../../redis/server-version.ts';
import { detectHost, type InstallRequest, installRedisServer, missingRedis } from './install.ts';

export interface RedisBinary {
  readonly path: string;
  readonly facts: BinaryFacts;
  /** Output of `--version`, which contains the allocator and the build. */
  readonly provenance: string;
}

/** The part of an environment that names its server program. */
export type ServerSettings = Pick<EnvironmentConfig, 'name' | 'redis' | 'local'>;

export interface BinaryRequest extends Pick<InstallRequest, 'host' | 'run'> {
  /** Path or name of a program. It takes precedence over `local.server` and `KIT_SERVER`, and disables the search. */
  readonly named?: string | undefined;
  /** Environment for which a server is needed; absent if any supported server is acceptable. */
  readonly environment?: ServerSettings | undefined;
  readonly stateDir: string;
  readonly progress?: ((line: string) => void) | undefined;
  readonly sink?: ProgramSink | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether a missing redis-server may be installed. Default true. */
  readonly install?: boolean | undefined;
  /** Looks up programs; for tests. */
  readonly find?: typeof findProgram;
}

/**
 * Finds and probes a program. @throws KitError `REDIS_NOT_FOUND`, `REDIS_TOO_OLD`, `REDIS_UNUSABLE`,
 * `REDIS_OTHER_VERSION`
 */
export async function findRedisBinary(request: BinaryRequest): Promise<RedisBinary> {
  const program = namedProgram(request);
  if (program !== undefined) {
    const binary = await probeBinary(await locateNamed(program, request), request);
    requireServer(binary, program, request.environment);
    return binary;
  }
  const path = await searchBinary(request);
  if (path !== undefined) return probeBinary(path, request);
  if (request.install === false) {
    throw missingRedis(request.host ?? (await detectHost()));
  }
  await installRedisServer(request);
  const installed = await searchBinary(request);
  if (installed === undefined) {
    throw new KitError('redis-tools was installed, but contains no usable redis-server', {
      code: 'REDIS_NOT_FOUND',
      hint: `install ${SUPPORTED_SERVERS} in PATH, or set KIT_SERVER to its server`,
      exitCode: 3,
    });
  }
  return probeBinary(installed, request);
}

/** A program that is named by a setting or a variable. */
interface NamedProgram {
  readonly name: string;
  readonly setting: 'local.server' | 'KIT_SERVER';
  /** Location of the setting, for errors; absent if the caller named the program. */
  readonly where?: string;
}

function namedProgram({ named, environment }: BinaryRequest): NamedProgram | undefined {
  if (named !== undefined) return { name: named, setting: 'KIT_SERVER' };
  const own = environment?.local?.server;
  if (own !== undefined)
    return { name: own, setting: 'local.server', where: `${environment?.name}: local.server` };
  const variable = readVariables().get('KIT_SERVER');
  return variable && { name: variable.text, setting: 'KIT_SERVER', where: `${variable.origin} KIT_SERVER` };
}

async function locateNamed({ name, setting, where }: NamedProgram, { find }: BinaryRequest): Promise<string> {
  const path = name.includes('/') ? resolve(name) : await (find ?? findProgram)(name);
  if (path !== undefined && existsSync(path)) return path;
  throw new KitError(`'${name}' does not exist`, {
    code: 'REDIS_NOT_FOUND',
    ...(where !== undefined && { where }),
    hint: `set ${setting} to an executable redis-server or valkey-server, or unset it`,
  });
}

/**
 * Checks the version. @throws KitError `REDIS_OTHER_VERSION` if the environment requires a server other than the named
 * program
 */
function requireServer(
  { path, facts }: RedisBinary,
  { where }: NamedProgram,
  environment: ServerSettings | undefined,
): void {
  const wanted = environment && namedServer(environment);
  if (wanted === undefined || isServer(serverOf(facts), wanted)) return;
  throw new KitError(
    `${path} is ${formatServer(serverOf(facts))}; redis.server requires ${formatServer(wanted)}`,
    {
      code: 'REDIS_OTHER_VERSION',
      exitCode: EXIT.UNKNOWN,
      where: where ?? `${environment?.name}: redis.server`,
      hint: `set local.server to a server program of ${formatServer(wanted)}, or change redis.server`,
    },
  );
}

async function searchBinary(request: BinaryRequest): Promise<string | undefined> {
  const wanted = request.environment && namedServer(request.environment);
  return wanted === undefined ? searchAny(request) : searchServer(request, wanted);
}

/** Returns the first server program on the search path; undefined if there is none. */
async function searchServer(
  { stateDir, environment }: BinaryRequest,
  wanted: NamedServer,
): Promise<string | undefined> {
  const [redis, valkey, checkRdb] = await Promise.all(
    ['redis-server', 'valkey-server', 'redis-check-rdb'].map(findPrograms),
  );
  const linked = checkRdb?.[0] === undefined ? undefined : await linkCheckRdb(checkRdb[0], stateDir);
  const others: string[] = [];
  const seen = new Set<string>();
  for (const path of [...(redis ?? []), ...(valkey ?? []), ...(linked === undefined ? [] : [linked])]) {
    // A folder on the search path may be a link to another one.
    const program = realpathSync(path);
    if (seen.has(program)) continue;
    seen.add(program);
    const { stdout } = await runProgram({ command: path, args: ['--version'], timeoutMs: 5_000 });
    const server = parseBanner(stdout);
    if (server !== undefined && isServer(server, wanted)) return path;
    if (server !== undefined) others.push(`${formatServer(server)} at ${path}`);
  }
  if (others.length === 0) return undefined;
  throw new KitError(`no server program of ${formatServer(wanted)} in PATH; found: ${others.join(', ')}`, {
    code: 'REDIS_NOT_FOUND',
    exitCode: EXIT.UNKNOWN,
    where: `${environment?.name}: redis.server`,
    hint: `set local.server to the path of a server program of ${formatServer(wanted)}, or change redis.server`,
  });
}

async function searchAny(request: BinaryRequest): Promise<string | undefined> {
  const find = request.find ?? findProgram;
  const found = await find('redis-server');
  if (found !== undefined) return found;
  const checkRdb = await find('redis-check-rdb');
  const linked = checkRdb === undefined ? undefined : await linkCheckRdb(checkRdb, request.stateDir);
  return linked ?? find('valkey-server');
}

/**
 * Links redis-check-rdb as redis-server: one program that selects its function by its name (server.c, main). So
 * redis-tools is enough, and the package that starts a service immediately is never installed.
 */
async function linkCheckRdb(checkRdb: string, stateDir: string): Promise<string | undefined> {
  const link = join(stateDir, 'bin', 'redis-server');
  try {
    mkdirSync(join(stateDir, 'bin'), { recursive: true, mode: 0o700 });
    rmSync(link, { force: true });
    symlinkSync(realpathSync(checkRdb), link);
  } catch (error) {
    throw diskError(error, link);
  }
  const answer = await runProgram({ command: link, args: ['--version'], timeoutMs: 5_000 });
  return parseBanner(answer.stdout) === undefined ? undefined : link;
}

/** Probes the version and features of the binary. */
export async function probeBinary(
  path: string,
  options: Pick<BinaryRequest, 'sink' | 'signal'> = {},
): Promise<RedisBinary> {
  const { sink, signal } = options;
  const common = { command: path, timeoutMs: 10_000, ...(sink && { sink }), ...(signal && { signal }) };
  const answer = await runProgram({ ...common, args: ['--version'] });
  const server = parseBanner(answer.stdout);
  if (server === undefined) {
    throw new KitError(
      `does not report a version of Redis or Valkey: '${firstLine(answer.stdout || answer.stderr)}'`,
      {
        code: 'REDIS_UNUSABLE',
        exitCode: EXIT.UNKNOWN,
        where: path,
        hint: `put a supported server (${SUPPORTED_SERVERS}) first in PATH, or set KIT_SERVER to its path`,
      },
    );
  }
  if (!isSupported(server)) {
    throw new KitError(`is ${formatServer(server)}; needed: ${SUPPORTED_SERVERS}`, {
      code: 'REDIS_TOO_OLD',
      exitCode: EXIT.UNKNOWN,
      where: path,
      hint: 'install a newer server and put its folder first in PATH, or set KIT_SERVER to its path',
    });
  }
  const [defragmentation, tls] = await Promise.all(
    [DEFRAGMENTATION_PROBE, TLS_PROBE].map((probe) => outputOf(common, probe)),
  );
  const facts = {
    ...server,
    activedefrag: hasDefragmentation(defragmentation ?? ''),
    tls: hasTls(tls ?? ''),
  };
  return { path, facts, provenance: firstLine(answer.stdout) };
}

async function outputOf(common: ProgramRequest, input: string): Promise<string> {
  const { stdout, stderr } = await runProgram({ ...common, args: ['-'], input });
  return `${stdout}\n${stderr}`;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
