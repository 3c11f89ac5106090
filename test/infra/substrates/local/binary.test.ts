import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { findProgram, type ProgramRecord, type ProgramRequest } from '../../../../infra/host/process.ts';
import { hasDefragmentation } from '../../../../infra/redis/server-probe.ts';
import { findRedisBinary } from '../../../../infra/substrates/local/binary.ts';
import {
  detectHost,
  type HostKind,
  installRedisServer,
  missingRedis,
} from '../../../../infra/substrates/local/install.ts';
import { temporaryStateDir } from './fixtures.ts';

/** Installs a program that prints the banner and, if it is started with TLS, the given text. */
function program(dir: string, banner: string, startWords: string, name = 'a-server'): string {
  const path = join(dir, name);
  const script = [
    '#!/bin/sh',
    `[ "$1" = --version ] && { echo '${banner}'; exit 0; }`,
    'input=$(cat)',
    `case $input in *tls-port*) cat <<'WORDS'\n${startWords}\nWORDS`,
    ';; *) echo "nothing";; esac',
    'exit 1',
  ];
  writeFileSync(path, `${script.join('\n')}\n`);
  chmodSync(path, 0o700);
  return path;
}

describe('a found redis-server', () => {
  it('is queried for its version, probed for its features, and recorded for the evidence', async () => {
    using state = temporaryStateDir();
    const kept: ProgramRecord[] = [];
    const binary = await findRedisBinary({ stateDir: state.path, sink: (record) => kept.push(record) });
    expect(Number.parseInt(binary.facts.version, 10)).toBeGreaterThanOrEqual(7);
    expect(binary.provenance).toContain(`v=${binary.facts.version}`);
    expect(kept.map(({ args }) => args[0])).toEqual(['--version', '-', '-']);
    expect(binary.facts.family).toBe('redis');
  });

  it('is a link to redis-check-rdb if only redis-tools is installed, and is created again on request', async () => {
    using state = temporaryStateDir();
    const server = (await findProgram('redis-server')) as string;
    const find = async (name: string) => (name === 'redis-check-rdb' ? server : undefined);
    for (let i = 0; i < 2; i++) {
      const { path } = await findRedisBinary({ stateDir: state.path, find });
      expect(path).toBe(join(state.path, 'bin', 'redis-server'));
    }
  });

  it('counts as having TLS only if it fails because of a certificate, whatever directives it accepts', async () => {
    using state = temporaryStateDir();
    for (const [words, tls] of [
      ['Failed to load certificate: /nonexistent/kit-probe.pem', true],
      // Redis 8.2.3 built without TLS accepts `tls-port 0`.
      ['Missing implement of connection type tls\nFailed finding TLS support.', false],
      ["FATAL CONFIG FILE ERROR\n>>> 'tls-port 1'\nBad directive or wrong number of arguments", false],
    ] as const) {
      const path = program(state.path, 'Redis server v=8.2.3 malloc=libc bits=64 build=1', words);
      expect((await findRedisBinary({ stateDir: state.path, named: path })).facts.tls, words).toBe(tls);
    }
  });

  it('is Redis 7.0 or newer, or Valkey 8 or newer; other versions are rejected with the requirement', async () => {
    using state = temporaryStateDir();
    const found = (banner: string) =>
      findRedisBinary({ stateDir: state.path, named: program(state.path, banner, '') });
    const valkey = await found('Valkey server v=8.0.1 sha=00000000:1 malloc=jemalloc-5.3.0 bits=64 build=x');
    expect(valkey.facts).toMatchObject({ family: 'valkey', version: '8.0.1' });
    for (const banner of ['Redis server v=6.2.14', 'Valkey server v=7.2.5']) {
      await expect(found(banner)).rejects.toMatchObject({
        code: 'REDIS_TOO_OLD',
        message: expect.stringContaining('needed: Redis 7.0 or newer, or Valkey 8.0 or newer'),
        hint: expect.stringContaining('KIT_SERVER'),
      });
    }
    await expect(found('redis-cli 7.0.15')).rejects.toMatchObject({ code: 'REDIS_UNUSABLE' });
  });

  it('is the program that KIT_SERVER names, by path or by a name on the search path', async () => {
    using state = temporaryStateDir();
    const path = program(state.path, 'Valkey server v=9.1.2 malloc=libc bits=64 build=1', '');
    vi.stubEnv('KIT_SERVER', path);
    expect((await findRedisBinary({ stateDir: state.path })).path).toBe(path);
    vi.stubEnv('KIT_SERVER', 'redis-server');
    expect((await findRedisBinary({ stateDir: state.path })).facts.family).toBe('redis');
    vi.stubEnv('KIT_SERVER', '/nowhere/redis-server');
    await expect(findRedisBinary({ stateDir: state.path })).rejects.toMatchObject({
      code: 'REDIS_NOT_FOUND',
      where: 'variable KIT_SERVER',
    });
    vi.unstubAllEnvs();
  });

  it('is valkey-server if Redis is missing', async () => {
    using state = temporaryStateDir();
    const path = program(state.path, 'Valkey server v=9.1.2 malloc=libc bits=64 build=1', '');
    const find = async (name: string) => (name === 'valkey-server' ? path : undefined);
    expect((await findRedisBinary({ stateDir: state.path, find })).path).toBe(path);
  });

  describe('a redis-server of the version that the environment requires', () => {
    const dev = loadEnvironment('dev', {}, new Map());
    const asking = (server: string, local?: string) => ({
      ...{ ...dev, redis: { ...dev.redis, server } },
      ...(local !== undefined && { local: { server: local } }),
    });
    /** Sets a search path whose folders each contain a different server version. */
    const stubPath = (dir: string): readonly string[] => {
      const programs = [
        ['redis-server', 'Redis server v=7.0.15 malloc=libc'],
        ['redis-server', 'Redis server v=8.2.3 malloc=libc'],
        ['valkey-server', 'Valkey server v=8.1.4 malloc=libc'],
      ].map(([name = '', banner = ''], i) => {
        const folder = join(dir, `bin${i}`);
        mkdirSync(folder);
        return program(folder, banner, '', name);
      });
      // /bin is included because the programs use `cat`.
      vi.stubEnv('PATH', [...programs.map((path) => dirname(path)), '/bin'].join(delimiter));
      return programs;
    };
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    it('is the first one on the search path', async () => {
      using state = temporaryStateDir();
      const [, redis8, valkey8] = stubPath(state.path);
      const find = async (server: string) =>
        (await findRedisBinary({ stateDir: state.path, environment: asking(server) })).path;
      expect(await find('redis@8.2')).toBe(redis8);
      expect(await find('redis@8.2.3')).toBe(redis8);
      expect(await find('valkey@8.1')).toBe(valkey8);
    });

    it('leads to an error that lists the servers on the search path if it is not among them', async () => {
      using state = temporaryStateDir();
      const [redis7] = stubPath(state.path);
      await expect(
        findRedisBinary({ stateDir: state.path, environment: asking('redis@8.2.1') }),
      ).rejects.toMatchObject({
        code: 'REDIS_NOT_FOUND',
        message: expect.stringMatching(
          new RegExp(
            `^no server program of Redis 8\\.2\\.1 in PATH; found: Redis 7\\.0\\.15 at ${redis7}, Redis 8`,
          ),
        ),
        where: 'dev: redis.server',
        hint: expect.stringContaining('set local.server'),
      });
    });

    it('is named by local.server, which takes precedence over KIT_SERVER', async () => {
      using state = temporaryStateDir();
      const [redis7, redis8] = stubPath(state.path);
      vi.stubEnv('KIT_SERVER', redis7);
      const request = { stateDir: state.path, environment: asking('redis@8.2', redis8) };
      expect((await findRedisBinary(request)).path).toBe(redis8);
    });

    it.each(['local.server', 'KIT_SERVER'])(
      'leads to an error if %s names another version',
      async (setting) => {
        using state = temporaryStateDir();
        const [redis7] = stubPath(state.path);
        const isLocal = setting === 'local.server';
        if (!isLocal) vi.stubEnv('KIT_SERVER', redis7);
        const environment = asking('redis@8.2', isLocal ? redis7 : undefined);
        await expect(findRedisBinary({ stateDir: state.path, environment })).rejects.toMatchObject({
          code: 'REDIS_OTHER_VERSION',
          message: `${redis7} is Redis 7.0.15; redis.server requires Redis 8.2`,
          where: isLocal ? 'dev: local.server' : 'variable KIT_SERVER',
        });
      },
    );

    it('leads to an error if local.server names a path that does not exist', async () => {
      using state = temporaryStateDir();
      const environment = asking('redis@8.2', '/nowhere/redis-server');
      await expect(findRedisBinary({ stateDir: state.path, environment })).rejects.toMatchObject({
        code: 'REDIS_NOT_FOUND',
        where: 'dev: local.server',
        hint: expect.stringContaining('set local.server'),
      });
    });
  });

  it('counts as accepting a directive if the first rejected line is the line planted after the directive', () => {
    const fatal = (line: string) =>
      `*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> '${line}'\nBad directive`;
    expect(hasDefragmentation(fatal('kit-probe-ends-here yes'))).toBe(true);
    expect(hasDefragmentation(fatal('activedefrag yes'))).toBe(false);
    expect(hasDefragmentation('')).toBe(false);
  });
});

describe('a missing redis-server', () => {
  const debian: HostKind = { root: true, packages: 'apt-get' };

  it('is installed on Debian by root, from redis-tools, which has no service, and this is reported', async () => {
    const { ran, run } = runner([0]);
    const lines: string[] = [];
    await installRedisServer({ host: debian, run, progress: (line) => lines.push(line) });
    expect(ran).toEqual(['install -y --no-install-recommends redis-tools']);
    expect(lines).toEqual([
      'redis-server not found: installing redis-tools with apt-get (no service is started)',
    ]);
  });

  it('is installed after apt-get update if the package lists are missing', async () => {
    const { ran, run } = runner([100, 0, 0]);
    await installRedisServer({ host: debian, run });
    expect(ran.map((args) => args.split(' ')[0])).toEqual(['install', 'update', 'install']);
  });

  it('leads to an error with the last output of apt-get if the installation fails', async () => {
    const { run } = runner([100, 100, 100]);
    await expect(installRedisServer({ host: debian, run })).rejects.toMatchObject({
      code: 'REDIS_NOT_FOUND',
      message: 'apt-get failed to install redis-tools: E: planted',
      exitCode: 3,
    });
  });

  it('leads to a hint that names the package to install on other systems', async () => {
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
      'run apt-get install redis-tools as root; kit up does so when it runs as root',
      'dnf install redis',
      'install Redis 7.0 or newer',
    ]);
    expect(ran).toEqual([]);
  });

  it('is searched for again after the installation, and leads to an error if it is still missing', async () => {
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
      message: 'redis-server not found in PATH',
    });
  });

  it('leads to an error for the current system', async () => {
    expect(missingRedis(await detectHost()).code).toBe('REDIS_NOT_FOUND');
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
