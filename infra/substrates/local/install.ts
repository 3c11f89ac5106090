/**
 * Installs a missing Redis if the system allows it: as root on a Debian-like system. On other systems it prints one
 * line with the packages to install.
 *
 * The package is redis-tools and not redis-server: it contains the same program (as `redis-check-rdb`) and no service
 * that could be started or enabled.
 */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { EXIT, KitError } from '../../../config/errors.ts';
import { findProgram, type ProgramRequest, type ProgramSink, runProgram } from '../../host/process.ts';

export interface InstallRequest {
  readonly progress?: ((line: string) => void) | undefined;
  readonly sink?: ProgramSink | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Kind of the system; detected when absent. */
  readonly host?: HostKind;
  /** Runs programs; for tests. */
  readonly run?: typeof runProgram;
}

export interface HostKind {
  readonly root: boolean;
  /** The first package manager found. */
  readonly packages: 'apt-get' | 'dnf' | 'apk' | 'pacman' | 'zypper' | 'brew' | undefined;
}

const BY_HAND = {
  'apt-get': 'apt-get install redis-tools',
  dnf: 'dnf install redis',
  apk: 'apk add redis',
  pacman: 'pacman -S redis',
  zypper: 'zypper install redis',
  brew: 'brew install redis',
} as const;

/** Timeout in ms, which allows for downloading a package list over a slow network. */
const APT_TIMEOUT_MS = 300_000;

/** Installs Redis. @throws KitError `REDIS_NOT_FOUND` with the packages to install, or with the output of apt-get */
export async function installRedisServer(request: InstallRequest): Promise<void> {
  const host = request.host ?? (await detectHost());
  const progress = request.progress ?? (() => {});
  if (host.packages !== 'apt-get' || !host.root) throw missingRedis(host);
  const apt = async (...args: string[]) => (request.run ?? runProgram)(aptRequest(request, args));
  progress('redis-server not found: installing redis-tools with apt-get (no service is started)');
  const first = await apt('install', '-y', '--no-install-recommends', 'redis-tools');
  if (first.exitCode === 0) return;
  progress('no usable package list: running apt-get update');
  const update = await apt('update');
  const second = await apt('install', '-y', '--no-install-recommends', 'redis-tools');
  if (second.exitCode === 0) return;
  throw new KitError(`apt-get failed to install redis-tools: ${lastLine(second.stderr || update.stderr)}`, {
    code: 'REDIS_NOT_FOUND',
    hint: `run ${BY_HAND['apt-get']} for details, or put a redis-server 7.0 or newer in PATH`,
    exitCode: EXIT.UNKNOWN,
  });
}

/** Returns the error that names the packages to install on this system. */
export function missingRedis(host: HostKind): KitError {
  const byHand = host.packages === undefined ? 'install Redis 7.0 or newer' : BY_HAND[host.packages];
  return new KitError('redis-server not found in PATH', {
    code: 'REDIS_NOT_FOUND',
    hint: host.packages === 'apt-get' ? `run ${byHand} as root; kit up does so when it runs as root` : byHand,
    exitCode: EXIT.UNKNOWN,
  });
}

function aptRequest(request: InstallRequest, args: readonly string[]): ProgramRequest {
  return {
    command: 'apt-get',
    args: ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args],
    env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    timeoutMs: APT_TIMEOUT_MS,
    ...(request.sink === undefined ? {} : { sink: request.sink }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
}

export async function detectHost(): Promise<HostKind> {
  const root = userInfo().uid === 0;
  if (existsSync('/etc/debian_version') && (await findProgram('apt-get')) !== undefined) {
    return { root, packages: 'apt-get' };
  }
  for (const packages of ['dnf', 'apk', 'pacman', 'zypper', 'brew'] as const) {
    if ((await findProgram(packages)) !== undefined) return { root, packages };
  }
  return { root, packages: undefined };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
