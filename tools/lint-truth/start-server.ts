/**
 * Starts one server with one file and returns the outcome. The server is isolated: it has its own namespaces with only
 * a loopback interface, a scratch directory and a memory limit. It is killed by pid when it accepts connections, or at
 * the time limit.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { endedOutcome, isReady, messageOf, type Outcome } from './outcome.ts';

export interface StartRequest {
  readonly binary: string;
  readonly bytes: Buffer;
  readonly mode: 'server' | 'sentinel';
}

const LIMIT_MS = 10_000;
/** Virtual memory limit. A server with default settings uses about 100 MB, and its threads reserve more. */
const MEMORY_KIB = 6_000_000;
const OUTPUT_MAX_BYTES = 200_000;

/** Appended last, so that they take precedence: run in the foreground and log to standard output. */
const OVERRIDES = [
  '--daemonize',
  'no',
  '--supervised',
  'no',
  '--logfile',
  '',
  '--loglevel',
  'notice',
  '--syslog-enabled',
  'no',
];

/** Whether this system supports namespaces for unprivileged processes. */
export function canIsolate(): boolean {
  return spawnSync('unshare', ISOLATION, { stdio: 'ignore' }).status === 0;
}

const ISOLATION = ['--user', '--map-root-user', '--net', 'sh', '-c', 'ip link set lo up'];

export async function startServer({ binary, bytes, mode }: StartRequest): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), 'lint-truth-'));
  try {
    const file = join(scratch, 'probe.conf');
    writeFileSync(file, withLocalPaths(bytes, scratch));
    const script = `ip link set lo up && ulimit -v ${MEMORY_KIB} && exec "$@"`;
    const args = [binary, file, ...(mode === 'sentinel' ? ['--sentinel'] : []), ...OVERRIDES];
    const child = spawn(
      'unshare',
      ['--user', '--map-root-user', '--net', 'sh', '-c', script, 'sh', ...args],
      {
        cwd: scratch,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    return await watch(child);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Waits until the server logs that it is ready, exits, or reaches the time limit. */
function watch(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let output = '';
    let outcome: Outcome | undefined;
    const settle = (found: Outcome) => {
      outcome ??= found;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => settle({ kind: 'unknown', message: messageOf(output) }), LIMIT_MS);
    const collect = (chunk: Buffer) => {
      if (output.length < OUTPUT_MAX_BYTES) output += chunk.toString('latin1');
      if (isReady(output)) settle({ kind: 'started' });
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(outcome ?? endedOutcome(output, code));
    });
  });
}

const PATHS =
  /^([ \t]*(?:dir|aclfile|logfile|pidfile|unixsocket|cluster-config-file)[ \t]+)("?)(\/[^\s"]*)\2[ \t\r]*$/gim;

/** Redirects absolute paths to the scratch directory, and creates the directories and an empty ACL file there. */
export function withLocalPaths(bytes: Buffer, scratch: string): Buffer {
  const text = bytes.toString('latin1').replace(PATHS, (_, start: string, quote: string, path: string) => {
    const local = join(scratch, 'root', path);
    const isDirectory = /^\s*dir\s/i.test(start);
    mkdirSync(isDirectory ? local : dirname(local), { recursive: true });
    if (/^\s*aclfile\s/i.test(start)) writeFileSync(local, '', { flag: 'a' });
    return `${start}${quote}${local}${quote}`;
  });
  return Buffer.from(text, 'latin1');
}
