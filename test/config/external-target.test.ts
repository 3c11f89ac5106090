/**
 * The address of an external Redis: flags override variables, values in a URL take precedence over all other
 * sources, and no error contains a password.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readVariables } from '../../config/env.ts';
import {
  EXTERNAL_NAMESPACE,
  EXTERNAL_TTL_SECONDS,
  externalOverrides,
  readExternalTarget,
  withoutLogins,
} from '../../config/external-target.ts';
import { loadEnvironment } from '../../config/load.ts';
import { catchKitError } from '../support/kit-error.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'external-target-'));
  writeFileSync(join(dir, 'password'), 'from-file\n');
  writeFileSync(join(dir, 'ca.pem'), 'PEM');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const variables = (env: Readonly<Record<string, string>>) => readVariables({ env, directory: dir });
const noVariables = () => variables({});

describe('a target', () => {
  it('is parsed from a URL: host, port, user, password, database, TLS', () => {
    const target = readExternalTarget({ url: 'rediss://kit:p%40ss@cache.example:6380/3' }, noVariables());
    expect(target).toMatchObject({
      mode: 'standalone',
      addresses: [{ host: 'cache.example', port: 6380 }],
      db: 3,
      app: { username: 'kit' },
      tls: { ca: undefined },
      confirmed: false,
    });
    expect(target.app.password?.reveal()).toBe('p@ss');
    expect(inspect(target, { depth: 5 }) + JSON.stringify(target)).not.toContain('p@ss');
  });

  it('defaults to port 6379 and database 0, and accepts an address in brackets', () => {
    expect(readExternalTarget({ url: 'redis://[::1]' }, noVariables())).toMatchObject({
      addresses: [{ host: '::1', port: 6379 }],
      db: 0,
      tls: undefined,
    });
  });

  it('may be sentinels, with separate credentials for sentinels and Redis', () => {
    const target = readExternalTarget(
      { sentinels: 'a:26380, b', serviceName: 'cache', yes: true },
      variables({
        REDIS_USERNAME: 'app',
        REDIS_PASSWORD: 'one',
        REDIS_SENTINEL_USERNAME: 'watcher',
        REDIS_SENTINEL_PASSWORD: 'two',
      }),
    );
    expect(target).toMatchObject({
      mode: 'sentinel',
      addresses: [
        { host: 'a', port: 26_380 },
        { host: 'b', port: 26_379 },
      ],
      serviceName: 'cache',
      app: { username: 'app' },
      sentinel: { username: 'watcher' },
      confirmed: true,
    });
    expect([target.app.password?.reveal(), target.sentinel.password?.reveal()]).toEqual(['one', 'two']);
  });

  it.each([
    [{ REDIS_URL: 'redis://u:7000/2', REDIS_HOST: 'h' }, 'u', 7000, 2],
    [{ REDIS_HOST: 'h', REDIS_PORT: '7001', REDIS_DB: '4' }, 'h', 7001, 4],
  ])('comes from %j if no flag gives an address', (env, host, port, db) => {
    expect(readExternalTarget({}, variables(env))).toMatchObject({ addresses: [{ host, port }], db });
  });

  it('ignores the address variables if a flag gives an address', () => {
    const env = variables({
      REDIS_SENTINEL_HOSTS: 's',
      REDIS_CLUSTER_ENABLED: 'true',
      REDIS_URL: 'redis://u',
    });
    expect(readExternalTarget({ url: 'redis://mine' }, env).addresses).toEqual([
      { host: 'mine', port: 6379 },
    ]);
    expect(readExternalTarget({}, variables({ REDIS_SENTINEL_HOSTS: 's' })).mode).toBe('sentinel');
  });

  it('reads the password and the CA from files, and enables TLS if there is a CA', () => {
    const flags = { url: 'redis://h', passwordFile: join(dir, 'password') };
    expect(readExternalTarget(flags, noVariables()).app.password?.reveal()).toBe('from-file');
    const byVariable = variables({ REDIS_PASSWORD_FILE: join(dir, 'password') });
    expect(readExternalTarget({ url: 'redis://h' }, byVariable).app.password?.reveal()).toBe('from-file');
    const ca = { REDIS_TLS_CA: join(dir, 'ca.pem') };
    expect(readExternalTarget({ url: 'rediss://h' }, variables(ca)).tls).toEqual({ ca: 'PEM' });
    expect(readExternalTarget({ sentinels: 'h', tlsCa: join(dir, 'ca.pem') }, noVariables()).tls).toEqual({
      ca: 'PEM',
    });
    expect(readExternalTarget({}, variables({ REDIS_HOST: 'h', REDIS_TLS: 'true' })).tls).toEqual({
      ca: undefined,
    });
  });
});

describe('an invalid target', () => {
  it.each([
    ['no address', () => readExternalTarget({}, noVariables()), /no address of an external Redis/],
    [
      'two addresses',
      () => readExternalTarget({ url: 'redis://h', sentinels: 's' }, noVariables()),
      /--url and --sentinels/,
    ],
    [
      'another scheme',
      () => readExternalTarget({ url: 'http://u:sesame@h' }, noVariables()),
      /'http:\/\/\[redacted\]@h'/,
    ],
    ['an invalid URL', () => readExternalTarget({ url: 'u:sesame@h' }, noVariables()), /not shown/],
    [
      'a port out of range',
      () => readExternalTarget({ url: 'redis://:sesame@h:99999' }, noVariables()),
      /redacted/,
    ],
    [
      'a broken escape',
      () => readExternalTarget({ url: 'redis://u:sesame%zz@h' }, noVariables()),
      /invalid percent encoding/,
    ],
    [
      'an invalid database',
      () => readExternalTarget({ url: 'redis://:sesame@h/x' }, noVariables()),
      /got 'x'/,
    ],
    ['a list entry', () => readExternalTarget({ sentinels: 'h:1,:sesame@h:x' }, noVariables()), /not shown/],
    [
      'an entry without host',
      () => readExternalTarget({ sentinels: 'h:1,' }, noVariables()),
      /must be host:port, got ''/,
    ],
    [
      'an invalid port in a variable',
      () => readExternalTarget({}, variables({ REDIS_HOST: 'h', REDIS_PORT: 'x' })),
      /'x'/,
    ],
    [
      'a missing password file',
      () => readExternalTarget({ url: 'redis://h', passwordFile: '/none' }, noVariables()),
      /'\/none'/,
    ],
    [
      'a missing CA file',
      () => readExternalTarget({ url: 'redis://h', tlsCa: '/none' }, noVariables()),
      /'\/none'/,
    ],
    [
      'a missing CA file in a variable',
      () => readExternalTarget({ url: 'redis://h' }, variables({ REDIS_TLS_CA: '/none' })),
      /'\/none'/,
    ],
    [
      'a database of a cluster',
      () => readExternalTarget({ cluster: 'h:1' }, variables({ REDIS_DB: '2' })),
      /only database 0, got 2/,
    ],
    [
      'a database in the URL of a cluster',
      () =>
        readExternalTarget({}, variables({ REDIS_URL: 'redis://:sesame@h/5', REDIS_CLUSTER_ENABLED: 'yes' })),
      /only database 0, got 5/,
    ],
  ])('is rejected: %s', (_what, act, says) => {
    const error = catchKitError(act);
    expect(error).toMatchObject({ code: 'EXTERNAL_INVALID', exitCode: 2 });
    expect(error.message).toMatch(says);
    expect(error.where).toBeTruthy();
    expect(error.hint).toBeTruthy();
    expect(inspect(error)).not.toContain('sesame');
  });
});

it('cluster nodes are seed nodes, in database 0', () => {
  expect(readExternalTarget({ cluster: 'h:7000,h:7001' }, noVariables())).toMatchObject({
    mode: 'cluster',
    addresses: [
      { host: 'h', port: 7000 },
      { host: 'h', port: 7001 },
    ],
    db: 0,
  });
});

describe('an environment of an external Redis', () => {
  it('keeps the client settings, with a separate namespace and TTL, and has no server settings', () => {
    const target = readExternalTarget({ sentinels: 'h', tlsCa: join(dir, 'ca.pem') }, noVariables());
    const config = loadEnvironment(
      'production',
      externalOverrides(target, { 'client.commandTimeoutMs': 700 }),
      noVariables(),
    );
    expect(config).toMatchObject({
      topology: { kind: 'single', replicas: 0, sentinels: 0 },
      security: { tls: true },
      durability: { durableWrites: 'async' },
      client: {
        namespace: EXTERNAL_NAMESPACE,
        defaultTtlSeconds: EXTERNAL_TTL_SECONDS,
        commandTimeoutMs: 700,
      },
    });
  });
});

it('a recorded command line contains no user and no password', () => {
  const args = ['readiness', '--url', 'redis://kit:se:s@me@h:1/2', '--url=rediss://:x@h', '--out', 'a@b'];
  expect(withoutLogins(args)).toEqual([
    'readiness',
    '--url',
    'redis://[redacted]@h:1/2',
    '--url=rediss://[redacted]@h',
    '--out',
    'a@b',
  ]);
});
