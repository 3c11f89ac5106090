/**
 * Server program of an environment, Redis or Valkey, and its features.
 *
 * Search order: named by the caller or by `KIT_SERVER`; on the search path; as `redis-check-rdb` (the same program
 * under another name, which Debian ships in redis-tools); otherwise installed (`install.ts`). Features are probed, not
 * assumed: a build may lack active defragmentation (system's allocator) or TLS, and both are fatal in a configuration
 * that uses them.
 */
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readVariables } from '../../../config/env.ts';
import { EXIT, KitError } from '../../../config/errors.ts';
import { diskError } from '../../host/disk.ts';
import { findProgram, type ProgramRequest, type ProgramSink, runProgram } from '../../host/process.ts';
import { type BinaryFacts, SUPPORTED_SERVERS } from '../../redis/server-capabilities.ts';
import { DEFRAGMENTATION_PROBE, hasDefragmentation, hasTls, TLS_PROBE } from '../../redis/server-probe.ts';
import { formatServer, isSupported, parseBanner } from '../../redis/server-version.ts';
import { detectHost, type InstallRequest, installRedisServer, missingRedis } from './install.ts';

export interface RedisBinary {
  readonly path: string;
  readonly facts: BinaryFacts;
  /** Output of `--version`, with allocator and build. */
  readonly provenance: string;
}

export interface BinaryRequest extends Pick<InstallRequest, 'host' | 'run'> {
  /** Path or name given by the user, else `KIT_SERVER`; disables the other sources. */
  readonly named?: string | undefined;
  readonly stateDir: string;
  readonly progress?: ((line: string) => void) | undefined;
  readonly sink?: ProgramSink | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether a missing redis-server may be installed. Default true. */
  readonly install?: boolean | undefined;
  /** Looks up programs; for tests. */
  readonly find?: typeof findProgram;
}

/** @throws KitError `REDIS_NOT_FOUND`, `REDIS_TOO_OLD`, `REDIS_UNUSABLE` */
export async function findRedisBinary(request: BinaryRequest): Promise<RedisBinary> {
  const path = await locateBinary(request);
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

async function locateBinary(request: BinaryRequest): Promise<string | undefined> {
  const variable = readVariables().get('KIT_SERVER');
  const name = request.named ?? variable?.text;
  if (name === undefined) return searchBinary(request);
  const named = name.includes('/') ? resolve(name) : await (request.find ?? findProgram)(name);
  if (named === undefined || !existsSync(named)) {
    throw new KitError(`'${name}' does not exist`, {
      code: 'REDIS_NOT_FOUND',
      ...(request.named === undefined && { where: `${variable?.origin} KIT_SERVER` }),
      hint: 'set KIT_SERVER to an executable redis-server or valkey-server, or unset it',
    });
  }
  return named;
}

async function searchBinary(request: BinaryRequest): Promise<string | undefined> {
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
        hint: `put a server of ${SUPPORTED_SERVERS} first in PATH, or set KIT_SERVER to it`,
      },
    );
  }
  if (!isSupported(server)) {
    throw new KitError(`is ${formatServer(server)}; needed: ${SUPPORTED_SERVERS}`, {
      code: 'REDIS_TOO_OLD',
      exitCode: EXIT.UNKNOWN,
      where: path,
      hint: 'install a newer one and put it first in PATH, or set KIT_SERVER to it',
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
