import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acceptedDirective, findRedisBinary, parseVersion } from '../../../infra/local/binary.ts';
import { type HostKind, installRedisServer, lookAtHost, missingRedis } from '../../../infra/local/install.ts';
import { findProgram, type ProgramRecord, type ProgramRequest } from '../../../infra/process.ts';
import { temporaryStateDir } from './bench.ts';

describe('the redis-server that is found', () => {
  it('is asked for its version and probed for what it can do, every program kept for the evidence', async () => {
    using state = temporaryStateDir();
    const kept: ProgramRecord[] = [];
    const binary = await findRedisBinary({ stateDir: state.path, sink: (record) => kept.push(record) });
    expect(Number.parseInt(binary.facts.version, 10)).toBeGreaterThanOrEqual(7);
    expect(binary.provenance).toContain(`v=${binary.facts.version}`);
    expect(kept.map(({ args }) => args[0])).toEqual(['--version', '-', '-']);
  });

  it('is a link to redis-check-rdb where only redis-tools is there, made again when it is asked again', async () => {
    using state = temporaryStateDir();
    const server = (await findProgram('redis-server')) as string;
    const find = async (name: string) => (name === 'redis-check-rdb' ? server : undefined);
    for (let i = 0; i < 2; i++) {
      const { path } = await findRedisBinary({ stateDir: state.path, find });
      expect(path).toBe(join(state.path, 'bin', 'redis-server'));
    }
  });

  it('says its version in the form that is parsed', () => {
    expect(parseVersion('Redis server v=8.0.3 sha=00000000:1 malloc=jemalloc-5.3.0 bits=64 build=x')).toBe(
      '8.0.3',
    );
    expect(parseVersion('redis-cli 7.0.15')).toBeUndefined();
  });

  it('accepts a directive when the first bad line is the one planted after it', () => {
    const fatal = (line: string) =>
      `*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> '${line}'\nBad directive`;
    expect(acceptedDirective(fatal('kit-probe-ends-here yes'))).toBe(true);
    expect(acceptedDirective(fatal('activedefrag yes'))).toBe(false);
    expect(acceptedDirective('')).toBe(false);
  });
});

describe('a redis-server that is missing', () => {
  const debian: HostKind = { root: true, packages: 'apt-get' };

  it('is installed by root on Debian: redis-tools, which has no service, saying so', async () => {
    const { ran, run } = runner([0]);
    const lines: string[] = [];
    await installRedisServer({ host: debian, run, progress: (line) => lines.push(line) });
    expect(ran).toEqual(['install -y --no-install-recommends redis-tools']);
    expect(lines).toEqual([
      'redis-server is missing: installing the package redis-tools with apt-get (no service is started)',
    ]);
  });

  it('is installed after apt-get update where the package lists are missing', async () => {
    const { ran, run } = runner([100, 0, 0]);
    await installRedisServer({ host: debian, run });
    expect(ran.map((args) => args.split(' ')[0])).toEqual(['install', 'update', 'install']);
  });

  it('is an error with the last words of apt-get where that cannot install it', async () => {
    const { run } = runner([100, 100, 100]);
    await expect(installRedisServer({ host: debian, run })).rejects.toMatchObject({
      code: 'REDIS_NOT_FOUND',
      message: 'apt-get could not install redis-tools: E: planted',
      exitCode: 3,
    });
  });

  it('is one line that says what to install, everywhere else', async () => {
    const { ran, run } = runner([]);
    const hints = [
      { root: false, packages: 'apt-get' },
      { root: true, packages: 'dnf' },
      { root: false, packages: undefined },
    ] as const;
    const said = await Promise.all(
      hints.map((host) => installRedisServer({ host, run }).catch((error: { hint: string }) => error.hint)),
    );
    expect(said).toEqual([
      'apt-get install redis-tools, as root; kit up does it when it runs as root',
      'dnf install redis',
      'install Redis 7.0 or newer',
    ]);
    expect(ran).toEqual([]);
  });

  it('is looked up again after it was installed, and an error where that did not bring one', async () => {
    using state = temporaryStateDir();
    const server = (await findProgram('redis-server')) as string;
    const looked: string[] = [];
    const found = await findRedisBinary({
      stateDir: state.path,
      host: debian,
      run: runner([0]).run,
      find: async (name) => (looked.push(name) > 2 ? server : undefined),
    });
    expect(found.path).toBe(server);
    const never = { stateDir: state.path, host: debian, run: runner([0]).run, find: async () => undefined };
    await expect(findRedisBinary(never)).rejects.toMatchObject({ code: 'REDIS_NOT_FOUND' });
    await expect(findRedisBinary({ ...never, install: false })).rejects.toMatchObject({
      message: 'redis-server is not on the search path',
    });
  });

  it('is described for the system that this is', async () => {
    expect(missingRedis(await lookAtHost()).code).toBe('REDIS_NOT_FOUND');
  });

  function runner(exitCodes: readonly number[]) {
    const ran: string[] = [];
    const left = [...exitCodes];
    const run = async (request: ProgramRequest): Promise<ProgramRecord> => {
      expect(request.env).toMatchObject({ DEBIAN_FRONTEND: 'noninteractive' });
      ran.push((request.args ?? []).slice(3).join(' '));
      return {
        command: request.command,
        args: request.args ?? [],
        exitCode: left.shift() ?? 0,
        signal: null,
        stdout: '',
        stderr: 'W: noise\nE: planted\n',
        tookMs: 1,
      };
    };
    return { ran, run };
  }
});
