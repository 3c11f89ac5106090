/**
 * Which redis-server runs, and what it can do.
 *
 * found: named by the caller, on the search path, or as `redis-check-rdb` (the same program under another name, which
 * Debian ships in redis-tools); else installed (`install.ts`). Probed, not assumed: a distribution's build may lack
 * active defragmentation (system jemalloc) or TLS, and both are fatal in a configuration that asks for them.
 */
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import { diskError } from '../disk.ts';
import { findProgram, type ProgramSink, runProgram } from '../process.ts';
import type { BinaryFacts } from '../redis-conf.ts';
import { type InstallRequest, installRedisServer, lookAtHost, missingRedis } from './install.ts';

export interface RedisBinary {
  readonly path: string;
  readonly facts: BinaryFacts;
  /** What `--version` says, with allocator and build. */
  readonly provenance: string;
}

export interface BinaryRequest extends Pick<InstallRequest, 'host' | 'run'> {
  /** Path or name given by the user; nothing else is tried then. */
  readonly named?: string | undefined;
  readonly stateDir: string;
  readonly progress?: ((line: string) => void) | undefined;
  readonly sink?: ProgramSink | undefined;
  readonly signal?: AbortSignal | undefined;
  /** May a missing redis-server be installed? Default true. */
  readonly install?: boolean | undefined;
  /** How programs are looked up; for tests. */
  readonly find?: typeof findProgram;
}

/** listpack names, ACL selectors, `replica-*` and multi-part AOF: what the two .conf files lean on. */
const OLDEST_MAJOR = 7;

/** @throws KitError `REDIS_NOT_FOUND`, `REDIS_TOO_OLD`, `REDIS_UNUSABLE` */
export async function findRedisBinary(request: BinaryRequest): Promise<RedisBinary> {
  const path = await locate(request);
  if (path !== undefined) return probeBinary(path, request);
  if (request.install === false) {
    throw missingRedis(request.host ?? (await lookAtHost()));
  }
  await installRedisServer(request);
  const installed = await lookUp(request);
  if (installed === undefined) {
    throw new KitError('apt-get installed redis-tools, but it holds no usable redis-server', {
      code: 'REDIS_NOT_FOUND',
      hint: 'install Redis 7.0 or newer by hand and put redis-server on the search path',
      exitCode: 3,
    });
  }
  return probeBinary(installed, request);
}

async function locate(request: BinaryRequest): Promise<string | undefined> {
  if (request.named !== undefined) {
    const named = request.named.includes('/')
      ? resolve(request.named)
      : await (request.find ?? findProgram)(request.named);
    if (named === undefined || !existsSync(named)) {
      throw new KitError(`'${request.named}' is not there`, {
        code: 'REDIS_NOT_FOUND',
        hint: 'name an executable redis-server, or none to have it looked up',
      });
    }
    return named;
  }
  return lookUp(request);
}

async function lookUp(request: BinaryRequest): Promise<string | undefined> {
  const find = request.find ?? findProgram;
  const found = await find('redis-server');
  if (found !== undefined) return found;
  const checkRdb = await find('redis-check-rdb');
  return checkRdb === undefined ? undefined : linkTo(checkRdb, request.stateDir);
}

/**
 * A link named redis-server to redis-check-rdb: one program that acts by the name it is called by (server.c, main).
 * So redis-tools is enough, and the package that starts a service at once is never installed.
 */
async function linkTo(checkRdb: string, stateDir: string): Promise<string | undefined> {
  const link = join(stateDir, 'bin', 'redis-server');
  try {
    mkdirSync(join(stateDir, 'bin'), { recursive: true, mode: 0o700 });
    rmSync(link, { force: true });
    symlinkSync(realpathSync(checkRdb), link);
  } catch (error) {
    throw diskError(error, link);
  }
  const answer = await runProgram({ command: link, args: ['--version'], timeoutMs: 5_000 });
  return parseVersion(answer.stdout) === undefined ? undefined : link;
}

/** Asks the binary what it is and what it can do. */
export async function probeBinary(
  path: string,
  options: Pick<BinaryRequest, 'sink' | 'signal'> = {},
): Promise<RedisBinary> {
  const { sink, signal } = options;
  const common = { command: path, timeoutMs: 10_000, ...(sink && { sink }), ...(signal && { signal }) };
  const answer = await runProgram({ ...common, args: ['--version'] });
  const version = parseVersion(answer.stdout);
  if (version === undefined) {
    throw new KitError(
      `does not say that it is a redis-server: '${firstLine(answer.stdout || answer.stderr)}'`,
      {
        code: 'REDIS_UNUSABLE',
        exitCode: EXIT.UNKNOWN,
        where: path,
        hint: 'put a redis-server of 7.0 or newer first on the search path (PATH)',
      },
    );
  }
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new KitError(`is Redis ${version}; ${OLDEST_MAJOR}.0 or newer is needed`, {
      code: 'REDIS_TOO_OLD',
      exitCode: EXIT.UNKNOWN,
      where: path,
      hint: 'install a newer Redis, or put one first on the search path (PATH)',
    });
  }
  const accepts = async (directive: string) => {
    const probe = await runProgram({ ...common, args: ['-'], input: `${directive}\n${END_LINE}\n` });
    return acceptedDirective(`${probe.stdout}\n${probe.stderr}`);
  };
  const [activedefrag, tls] = await Promise.all([accepts('activedefrag yes'), accepts('tls-port 0')]);
  return { path, facts: { version, activedefrag, tls }, provenance: firstLine(answer.stdout) };
}

/** A directive that no Redis knows: the probe always ends here at the latest, before anything is opened or bound. */
const END_LINE = 'kit-probe-ends-here yes';

/** Redis reads line by line and names the first bad one: was it ours, the line before it was accepted. */
export function acceptedDirective(output: string): boolean {
  return output.includes(`>>> '${END_LINE}'`);
}

/** The version out of `Redis server v=7.0.15 sha=… malloc=… bits=64 build=…`. */
export function parseVersion(text: string): string | undefined {
  return /^Redis server v=(\d+\.\d+\.\d+)/.exec(text)?.[1];
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
