import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DIRECTIVE_DEFAULTS } from '../../../../infra/redis/conf/directive-defaults.ts';
import {
  canonicalName,
  canonicalValue,
  defaultValue,
  directivesOf,
  reportedDirectives,
} from '../../../../infra/redis/conf/directive-values.ts';
import { findFreePort, waitUntil } from '../../../support/redis-process.ts';

describe('a normalized directive value', () => {
  it.each([
    ['maxmemory', '2gb', '2147483648'],
    ['maxmemory', '2g', '2000000000'],
    ['maxmemory', '2147483648', '2147483648'],
    ['appendonly', 'YES', 'yes'],
    ['maxmemory-policy', 'AllKeys-LRU', 'allkeys-lru'],
    ['save', '900 1  300 10', '900 1 300 10'],
    ['save', '""', ''],
    ['tls-protocols', 'TLSv1.3 TLSv1.2', 'tlsv1.2 tlsv1.3'],
    ['bind', '127.0.0.2 127.0.0.1', '127.0.0.1 127.0.0.2'],
    ['notify-keyspace-events', 'AKE', canonicalValue('notify-keyspace-events', 'KEg$lshzxetd')],
    ['dir', '/Data/Redis', '/Data/Redis'],
    [
      'client-output-buffer-limit',
      'replica 1mb 0 0',
      'normal 0 0 0 pubsub 33554432 8388608 60 replica 1048576 0 0',
    ],
  ])('of %s %s is %s', (name, written, canonical) => {
    expect(canonicalValue(name, written)).toBe(canonical);
  });

  it('has one name for all aliases', () => {
    expect(canonicalName('slave-priority')).toBe('replica-priority');
    expect(canonicalName('primaryauth')).toBe('masterauth');
    expect(canonicalName('MAXMEMORY')).toBe('maxmemory');
  });

  it('comes from the last line with the directive, or from all such lines for a list', () => {
    const conf = directivesOf(
      'timeout 1\ntimeout 2\nsave 900 1\nsave 300 10\n# timeout 3\nsentinel monitor m 1.1.1.1 1 2\n',
    );
    expect(conf.get('timeout')).toBe('2');
    expect(conf.get('save')).toBe('900 1 300 10');
    expect(conf.get('sentinel monitor')).toBe('m 1.1.1.1 1 2');
  });
});

/**
 * Starts a server on all addresses, as it would start without a configuration. If another test uses the port on one of
 * the addresses, the server exits, and another port is tried.
 */
async function startWithDefaults(cwd: string) {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort('0.0.0.0');
    const server = spawn('redis-server', ['--port', String(port)], { cwd });
    let log = '';
    server.stdout.on('data', (text) => {
      log += text;
    });
    await waitUntil(
      'the server to listen or to end',
      () => server.exitCode !== null || log.includes('Ready to accept connections'),
    );
    if (server.exitCode === null) return { server, port };
    if (attempt === 5) throw new Error(`redis-server ended: ${log.slice(-500)}`);
  }
}

describe('the directive defaults', () => {
  it('match the installed server for every directive', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kit-defaults-'));
    const { server, port } = await startWithDefaults(dir);
    const redis = new Redis({ port, protocol: 2, retryStrategy: () => 50 });
    redis.on('error', () => undefined);
    try {
      await waitUntil('the server to answer', async () => (await redis.ping().catch(() => '')) === 'PONG');
      const flat = (await redis.call('CONFIG', 'GET', '*')) as string[];
      const pairs = flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : []));
      const family = (await redis.info('server')).includes('valkey_version') ? 'valkey' : 'redis';
      const differ: string[] = [];
      const unknown: string[] = [];
      for (const [name, value] of reportedDirectives(pairs)) {
        const byDefault = defaultValue(name, family);
        if (byDefault === undefined) unknown.push(name);
        else if (byDefault !== value) differ.push(`${name}: ${value} is not ${byDefault}`);
      }
      expect(differ).toEqual([]);
      // These values belong to the environment, not to the server: its addresses, its master, and passwords.
      expect(unknown.sort()).toEqual(['dir', 'masterauth', 'port', 'replicaof']);
      expect(pairs.length).toBeGreaterThan(180);
    } finally {
      redis.disconnect();
      server.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('are the same for Valkey and Redis, except for the listed ones', () => {
    expect(defaultValue('lazyfree-lazy-user-del', 'redis')).toBe('no');
    expect(defaultValue('lazyfree-lazy-user-del', 'valkey')).toBe('yes');
    expect(defaultValue('replica-priority', 'valkey')).toBe('100');
    expect(DIRECTIVE_DEFAULTS.valkey.size).toBeGreaterThan(DIRECTIVE_DEFAULTS.redis.size);
  });
});
