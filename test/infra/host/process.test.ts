import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram, type ProgramRecord, runProgram, startDaemon } from '../../../infra/host/process.ts';
import { waitUntil } from '../../support/redis-process.ts';

const NODE = process.execPath;

describe('runProgram', () => {
  it('returns the output of the program, and passes it to the sink', async () => {
    const kept: ProgramRecord[] = [];
    const record = await runProgram({
      command: '/bin/sh',
      args: ['-c', 'cat; echo "to err: $1" >&2; exit 3', 'sh', `it's "$HOME"`],
      input: 'from stdin',
      sink: (it) => kept.push(it),
    });
    expect(record).toMatchObject({
      exitCode: 3,
      stdout: 'from stdin',
      stderr: `to err: it's "$HOME"\n`,
      signal: null,
    });
    expect(kept).toEqual([record]);
  });

  it('extends the environment and uses the given directory', async () => {
    const { stdout } = await runProgram({
      command: '/bin/sh',
      args: ['-c', 'echo $PLANTED; pwd'],
      env: { PLANTED: 'here' },
      cwd: '/',
    });
    expect(stdout).toBe('here\n/\n');
  });

  it('reports the exit code of a program that ends before it has read its input', async () => {
    // The input is larger than a pipe buffer, so the write is still in progress when the program ends.
    const { exitCode } = await runProgram({ command: 'false', input: 'x'.repeat(1_000_000) });
    expect(exitCode).toBe(1);
  });

  it('stops a program and its children on timeout', async () => {
    const run = runProgram({ command: '/bin/sh', args: ['-c', 'sleep 60 & wait'], timeoutMs: 100 });
    await expect(run).rejects.toMatchObject({ code: 'PROGRAM_TIMEOUT' });
  });

  it('stops a program on abort', async () => {
    const stop = new AbortController();
    const run = runProgram({ command: '/bin/sleep', args: ['60'], signal: stop.signal });
    stop.abort(new Error('told to stop'));
    await expect(run).rejects.toThrow('told to stop');
    await expect(runProgram({ command: 'true', signal: stop.signal })).rejects.toThrow('told to stop');
  });

  it('reports a missing program', async () => {
    await expect(runProgram({ command: '/nonexistent' })).rejects.toMatchObject({
      code: 'PROGRAM_NOT_FOUND',
    });
    expect(await findProgram('no-such-program-anywhere')).toBeUndefined();
    expect(await findProgram('sh')).toMatch(/\/sh$/);
  });
});

describe('startDaemon', () => {
  it('starts a program that writes to its log, leads its own process group, and receives messages', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kit-test-'));
    const logPath = join(dir, 'log');
    const daemon = startDaemon({
      command: '/bin/sh',
      args: ['-c', 'ps -o pgid= -p $$; read -r word; echo "told $word"; echo oops >&2'],
      cwd: dir,
      logPath,
      stdin: 'pipe',
    });
    expect(daemon.running).toBe(true);
    daemon.tell('it\n');
    await daemon.ended;
    expect(daemon.running).toBe(false);
    const lines = readFileSync(logPath, 'utf8').trim().split('\n');
    expect(lines.map((line) => line.trim())).toEqual([String(daemon.pid), 'told it', 'oops']);
    rmSync(dir, { recursive: true });
  });

  it('starts a program that keeps running after its parent exits', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kit-test-'));
    const script = `
      import { startDaemon } from ${JSON.stringify(join(import.meta.dirname, '../../../infra/host/process.ts'))};
      const args = { command: '/bin/sleep', args: ['30'], cwd: '/', logPath: ${JSON.stringify(join(dir, 'log'))} };
      console.log(startDaemon(args).pid);`;
    const { stdout, exitCode } = await runProgram({
      command: NODE,
      args: ['--input-type=module-typescript', '-e', script],
    });
    expect(exitCode).toBe(0);
    const pid = Number(stdout);
    expect(process.kill(pid, 0)).toBe(true);
    process.kill(pid, 'SIGKILL');
    await waitUntil('the process to be gone', () => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    });
    rmSync(dir, { recursive: true });
  });
});
