/**
 * Starts a server with a configuration text and reports whether it becomes ready. The server is a real process that
 * listens only on a separate Unix socket, and is ended by its pid as soon as it is ready. `port` and `bind` in the text
 * are read, but overridden.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface StartResult {
  readonly isStarted: boolean;
  /** Standard output and standard error. */
  readonly output: string;
}

const READY = /Ready to accept connections|ready to accept connections at|Sentinel ID is/;
const LIMIT_MS = 20_000;

export async function tryStartServer(
  text: string,
  mode: 'server' | 'sentinel' = 'server',
  binary = 'redis-server',
): Promise<StartResult> {
  const dir = mkdtempSync(join(tmpdir(), 'kit-start-'));
  try {
    const file = join(dir, 'probe.conf');
    // Latin-1, because a text may contain any byte.
    writeFileSync(file, Buffer.from(text, 'latin1'));
    const args = [file, ...(mode === 'sentinel' ? ['--sentinel'] : [])];
    args.push(
      '--bind',
      '127.0.0.1',
      '--port',
      '0',
      '--unixsocket',
      join(dir, 's'),
      '--logfile',
      '',
      '--daemonize',
      'no',
    );
    return await run(binary, args, dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(binary: string, args: readonly string[], cwd: string): Promise<StartResult> {
  const child = spawn(binary, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    let isStarted = false;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`neither ready nor ended within ${LIMIT_MS} ms: ${output}`));
    }, LIMIT_MS);
    const collect = (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (!READY.test(output)) return;
      isStarted = true;
      child.kill('SIGKILL');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      resolve({ isStarted, output });
    });
  });
}
