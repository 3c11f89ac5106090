/**
 * Each common mistake in the address of an external Redis leads to one clear error, and leaves nothing on the server.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readVariables } from '../../../../config/env.ts';
import { KitError } from '../../../../config/errors.ts';
import {
  type ExternalFlags,
  externalOverrides,
  readExternalTarget,
} from '../../../../config/external-target.ts';
import { loadEnvironment } from '../../../../config/load.ts';
import { makeCertificates } from '../../../../infra/certificates/generate.ts';
import { aclRule, isThisMachine } from '../../../../infra/substrates/external/command-allowlist.ts';
import { checkExternal } from '../../../../infra/substrates/external/preflight.ts';
import { externalSubstrate } from '../../../../infra/substrates/external/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { findFreePort, RedisProcess, waitUntil } from '../../../support/redis-process.ts';

const PREFIX = 'redis-cache-kit:';
const HOST = '127.61.0.1';
let redis: RedisProcess;
let sentinel: RedisProcess;
beforeAll(async () => {
  const conf = [`user kit on >right ${aclRule(PREFIX)}`, `user narrow on >right ${aclRule('other:')}`];
  redis = await RedisProcess.start({ conf, password: 'owner' });
  const { host, port } = redis.address;
  const monitor = [`sentinel monitor theirs ${host} ${port} 1`, 'sentinel auth-pass theirs owner'];
  sentinel = await RedisProcess.start({ sentinel: true, conf: monitor });
});
afterAll(async () => {
  await sentinel?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

const target = (flags: ExternalFlags, env: Readonly<Record<string, string>> = {}) =>
  readExternalTarget(flags, readVariables({ env, directory: '/nonexistent' }));
const at = ({ address: { host, port } }: RedisProcess) => `${host}:${port}`;
const as = (login: string) => `redis://${login}@${at(redis)}`;

async function refusal(flags: ExternalFlags, env: Readonly<Record<string, string>> = {}): Promise<KitError> {
  try {
    await checkExternal(target(flags, env), PREFIX);
  } catch (error) {
    if (error instanceof KitError) return error;
    throw error;
  }
  throw new Error('the target was not refused');
}

describe('a supported target', () => {
  it('is a master, found by its address', async () => {
    expect(await checkExternal(target({ url: as('kit:right') }), PREFIX)).toMatchObject({
      masters: [{ id: 'redis-1', address: redis.address }],
      server: 'redis',
    });
    expect(await redis.admin().dbsize()).toBe(0);
  });

  it('is a master, found by its sentinels, one of which is unreachable', async () => {
    const gone = `${HOST}:${await findFreePort(HOST)}`;
    const flags = { sentinels: `${gone},${at(sentinel)}`, serviceName: 'theirs', user: 'kit' };
    const found = await checkExternal(target(flags, { REDIS_PASSWORD: 'right' }), PREFIX);
    expect(found.masters).toMatchObject([{ address: redis.address }]);
  });

  it('is a server with TLS and a custom CA', async () => {
    const made = await makeCertificates({ environment: 'theirs', addresses: [HOST] });
    const dir = mkdtempSync(join(tmpdir(), 'external-tls-'));
    try {
      writeFileSync(`${dir}/ca`, made.ca);
      writeFileSync(`${dir}/cert`, made.cert);
      writeFileSync(`${dir}/key`, made.key.reveal(), { mode: 0o600 });
      const port = await findFreePort(HOST);
      await using tls = await RedisProcess.start({
        conf: [
          `tls-port ${port}`,
          `tls-cert-file ${dir}/cert`,
          `tls-key-file ${dir}/key`,
          `tls-ca-cert-file ${dir}/ca`,
          'tls-auth-clients no',
        ],
      });
      const url = `rediss://${HOST}:${port}`;
      expect(
        (await checkExternal(target({ url, tlsCa: `${dir}/ca` }), PREFIX)).masters[0]?.address.port,
      ).toBe(port);
      expect(await refusal({ url })).toMatchObject({
        code: 'EXTERNAL_DENIED',
        hint: expect.stringMatching(/--tls-ca/),
      });
      expect(await refusal({ url: `rediss://${at(tls)}`, tlsCa: `${dir}/ca` })).toMatchObject({
        hint: expect.stringMatching(/redis:\/\//),
      });
      expect(await refusal({ url: `redis://${HOST}:${port}` })).toMatchObject({
        hint: expect.stringMatching(/rediss:\/\//),
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('an unsupported target', () => {
  it('is an unreachable address', async () => {
    const url = `redis://${HOST}:${await findFreePort(HOST)}`;
    expect(await refusal({ url })).toMatchObject({
      code: 'EXTERNAL_UNREACHABLE',
      exitCode: 3,
      where: url.slice(8),
    });
  });

  it.each([
    [
      'a server for which the password is wrong',
      'kit:wrong',
      'EXTERNAL_DENIED',
      /rejects the user and password/,
    ],
    ['a server for which the password is missing', '', 'EXTERNAL_DENIED', /other credentials/],
    [
      'a server on which the user has no rights on the prefix',
      'narrow:right',
      'EXTERNAL_NOPERM',
      /SET, GET.* on redis-cache-kit:\*/,
    ],
  ])('is %s', async (_what, login, code, says) => {
    const error = await refusal({ url: login === '' ? `redis://${at(redis)}` : as(login) });
    expect(error).toMatchObject({ code, exitCode: 2, where: at(redis) });
    expect(error.message).toMatch(says);
    expect(`${error.message} ${error.hint} ${error.stack}`).not.toMatch(/:(wrong|right)/);
    expect(await redis.admin().dbsize()).toBe(0);
  });

  it('is a URL with an unknown parameter, or with two databases', () => {
    const refused = (url: string) => {
      try {
        return target({ url });
      } catch (error) {
        return error;
      }
    };
    for (const [url, says] of [
      ['redis://h:1?db=2&timeout=5', "unknown parameter 'timeout' in the URL"],
      ['redis://h:1/1?db=2', 'the URL must name one database, got 1 and 2'],
      ['redis://h:1#2', 'unknown fragment in the URL'],
      ['redis://h:1?db=two', "must be an integer of at least 0, got 'two'"],
    ] as const) {
      expect(refused(url), url).toMatchObject({
        code: 'EXTERNAL_INVALID',
        message: says,
        where: expect.stringContaining('--url'),
      });
    }
    expect(target({ url: 'redis://h:1?db=2' }).db).toBe(2);
    expect(target({ url: 'redis://h:1/2?db=2' }).db).toBe(2);
  });

  it('is a database that does not exist, even if it is given as ?db=', async () => {
    expect(await refusal({ url: `redis://:owner@${at(redis)}?db=99` })).toMatchObject({
      code: 'EXTERNAL_DENIED',
      message: 'the server does not have that database',
    });
  });

  it('is a set of sentinels that reject the login; the error names only the sentinel variables', async () => {
    await using guarded = await RedisProcess.start({ sentinel: true, password: 'secret', conf: [] });
    for (const [env, code] of [
      [{}, 'EXTERNAL_DENIED'],
      [{ REDIS_SENTINEL_PASSWORD: 'wrong' }, 'EXTERNAL_DENIED'],
    ] as const) {
      const error = await refusal({ sentinels: at(guarded) }, env);
      expect(error).toMatchObject({
        code,
        where: at(guarded),
        message: expect.stringMatching(/^the sentinel /),
      });
      expect(error.hint).toContain('REDIS_SENTINEL_PASSWORD');
      expect(error.hint).not.toMatch(/REDIS_PASSWORD|--password-file|URL/);
    }
    // A mistake in the input is reported instead of an unreachable address, because that is more helpful.
    const gone = `${HOST}:${await findFreePort(HOST)}`;
    const both = await refusal({ sentinels: `${gone},${at(guarded)}` });
    expect(both).toMatchObject({ code: 'EXTERNAL_DENIED', exitCode: 2, where: at(guarded) });
    expect(both.message).toContain(gone);
  });

  it('is a server with a renamed command; this is not reported as refused writes', async () => {
    await using renamed = await RedisProcess.start({
      conf: ['rename-command UNLINK ""', 'rename-command PTTL hidden'],
    });
    const error = await refusal({ url: `redis://${at(renamed)}` });
    expect(error).toMatchObject({
      code: 'EXTERNAL_COMMAND',
      exitCode: 2,
      message: 'the server has no command PTTL, UNLINK',
    });
    await using node = await RedisProcess.start({
      conf: ['cluster-enabled yes', 'rename-command CLUSTER ""'],
    });
    expect(await refusal({ cluster: at(node) })).toMatchObject({
      code: 'EXTERNAL_COMMAND',
      message: 'the server has no CLUSTER command',
    });
  });

  it('is a missing database', async () => {
    const error = await refusal({ url: `redis://:owner@${at(redis)}/99` });
    expect(error).toMatchObject({ code: 'EXTERNAL_DENIED', exitCode: 2 });
  });

  it('is a different service, which sends other replies or none', async () => {
    for (const [answer, code] of [
      ['HTTP/1.1 400 Bad Request\r\n\r\n', 'EXTERNAL_NOT_REDIS'],
      [undefined, 'EXTERNAL_UNREACHABLE'],
    ] as const) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined).on('data', () => answer && socket.end(answer));
      });
      const port = await findFreePort(HOST);
      await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
      try {
        expect(await refusal({ url: `redis://${HOST}:${port}` })).toMatchObject({ code });
      } finally {
        server.close();
      }
    }
  });

  it('is a replica, a sentinel or a cluster node; the error names the suitable option', async () => {
    const { host, port } = redis.address;
    await using replica = await RedisProcess.start({
      conf: [`replicaof ${host} ${port}`, 'masterauth owner'],
    });
    await using node = await RedisProcess.start({ conf: ['cluster-enabled yes'] });
    for (const [server, code, hint] of [
      [replica, 'EXTERNAL_REPLICA', '--sentinels'],
      [sentinel, 'EXTERNAL_SENTINEL', `--sentinels ${at(sentinel)}`],
      [node, 'EXTERNAL_CLUSTER', `--cluster ${at(node)}`],
    ] as const) {
      const error = await refusal({ url: `redis://${at(server)}` });
      expect(error).toMatchObject({ code, exitCode: 2, where: at(server) });
      expect(error.hint).toContain(hint);
    }
  });

  it('is a Redis given as a sentinel, sentinels without the named master, or unreachable sentinels', async () => {
    const login = { REDIS_SENTINEL_PASSWORD: 'owner' };
    expect(await refusal({ sentinels: at(redis) }, login)).toMatchObject({ code: 'EXTERNAL_NO_SENTINEL' });
    expect(await refusal({ sentinels: at(sentinel), serviceName: 'ours' })).toMatchObject({
      code: 'EXTERNAL_SERVICE',
      message: expect.stringContaining("'ours'"),
    });
    const gone = `${HOST}:${await findFreePort(HOST)}`;
    expect(await refusal({ sentinels: gone })).toMatchObject({ code: 'EXTERNAL_UNREACHABLE', exitCode: 3 });
  });

  it('is a Redis given as a cluster, an unreachable cluster, or one with unserved slots', async () => {
    const login = { REDIS_PASSWORD: 'owner' };
    expect(await refusal({ cluster: at(redis) }, login)).toMatchObject({
      code: 'EXTERNAL_NO_CLUSTER',
      exitCode: 2,
      hint: `use --url redis://${at(redis)}`,
    });
    const gone = `${HOST}:${await findFreePort(HOST)}`;
    expect(await refusal({ cluster: gone })).toMatchObject({ code: 'EXTERNAL_UNREACHABLE', exitCode: 3 });
    await using node = await RedisProcess.start({ conf: ['cluster-enabled yes'] });
    await node.admin().call('CLUSTER', 'ADDSLOTSRANGE', 0, 99);
    for (const cluster of [`${gone},${at(node)}`, `${at(node)},${gone}`]) {
      const error = await refusal({ cluster });
      expect(error).toMatchObject({ code: 'EXTERNAL_CLUSTER_DOWN', exitCode: 3, where: at(node) });
      expect(error.message).toMatch(
        /^the cluster serves 100 of 16384 slots \(and .*: no reply: .*ECONNREFUSED/,
      );
      expect(error.message).toContain(gone);
    }
  });

  it('is a cluster whose user has no permission to query the slots', async () => {
    const conf = ['cluster-enabled yes', `user kit on >right ${aclRule(PREFIX)}`];
    await using node = await RedisProcess.start({ conf });
    const flags = { cluster: at(node), user: 'kit' };
    expect(await refusal(flags, { REDIS_PASSWORD: 'right' })).toMatchObject({
      code: 'EXTERNAL_NOPERM',
      exitCode: 2,
      hint: expect.stringContaining('+cluster|nodes'),
    });
  });

  it('is a master that currently rejects writes', async () => {
    await using full = await RedisProcess.start({ conf: ['min-replicas-to-write 1'] });
    const error = await refusal({ url: `redis://${at(full)}` });
    expect(error).toMatchObject({
      code: 'EXTERNAL_REFUSED',
      exitCode: 3,
      message: expect.stringContaining('NOREPLICAS'),
    });
  });

  it('is a remote host, which is refused before anything is sent to it', async () => {
    // An address in TEST-NET-1: no server has this address, and no connection is attempted.
    const error = await refusal({ url: 'redis://192.0.2.1:6379' });
    expect(error).toMatchObject({ code: 'EXTERNAL_UNCONFIRMED', exitCode: 2, where: '192.0.2.1:6379' });
    expect(error.hint).toMatch(/only keys redis-cache-kit:\*.*600 commands per second.*--yes/);
    expect(
      ['127.0.0.1', '127.61.9.9', 'localhost', '::1'].every((host) => isThisMachine({ host, port: 1 })),
    ).toBe(true);
    expect(
      ['127.example', '10.0.0.1', 'localhost.evil'].some((host) => isThisMachine({ host, port: 1 })),
    ).toBe(false);
  });
});

describe('the external substrate', () => {
  it('returns one node without fault capabilities, and stops nothing', async () => {
    const there = target({ url: as('kit:right') });
    const topology = planTopology(loadEnvironment('single', externalOverrides(there, {}), new Map()));
    const substrate = externalSubstrate(there);
    expect(await substrate.plan(topology)).toMatchObject([{ action: 'keep', nodeId: 'redis-1' }]);
    const said: string[] = [];
    await using environment = await substrate.apply(topology, {
      ephemeral: true,
      progress: (line) => said.push(line),
    });
    expect(said.join()).toMatch(/at most 600 commands per second/);
    expect(environment).toMatchObject({ capabilities: {}, substrate: 'external', name: 'single' });
    expect(environment.deviations.join()).toMatch(/the server configuration is unknown/);
    expect(await environment.masterId()).toBe('redis-1');
    expect(await environment.status()).toMatchObject([
      { id: 'redis-1', address: redis.address, state: 'running' },
    ]);
    const admin = await environment.admin('redis-1');
    expect(await environment.admin('redis-1')).toBe(admin);
    await expect(admin.config('GET', 'maxmemory')).rejects.toThrow(/NOPERM/);
    expect(await substrate.destroy('single')).toEqual({ ended: [], removed: [] });
    await using again = await substrate.open(topology);
    expect(again?.endpoints.app.username).toBe('kit');
    await environment[Symbol.asyncDispose]();
    await waitUntil('the connection to be closed', () => admin.status === 'end');
    expect(await redis.admin().ping()).toBe('PONG');
  });
});
