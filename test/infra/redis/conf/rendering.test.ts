/** The renderers as pure functions. `rendered-topology.test.ts` runs the rendered files. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { loadSecrets } from '../../../../config/secrets.ts';
import { redisNodeId } from '../../../../infra/redis/cluster-nodes.ts';
import { renderRedisAcl, renderSentinelAcl } from '../../../../infra/redis/conf/acl.ts';
import { lintConf } from '../../../../infra/redis/conf/lint/index.ts';
import { renderRedisConf } from '../../../../infra/redis/conf/redis-conf.ts';
import { renderKnownSentinels, renderSentinelConf } from '../../../../infra/redis/conf/sentinel-conf.ts';
import { parseConf } from '../../../../infra/redis/conf/text.ts';
import type { BinaryFacts } from '../../../../infra/redis/server-capabilities.ts';
import { atLeast } from '../../../../infra/redis/server-version.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { baseRedis, baseSentinel } from './conf-topology.ts';

const dir = mkdtempSync(join(tmpdir(), 'kit-render-'));
afterAll(() => rmSync(dir, { recursive: true }));

const secrets = loadSecrets('dev', dir, new Map());
const placement = new Map([
  ['redis-1', { host: '127.1.0.1', port: 6379 }],
  ['redis-2', { host: '127.1.0.2', port: 6379 }],
  ['sentinel-1', { host: '127.1.0.4', port: 26379 }],
]);
const able: BinaryFacts = { version: '7.0.15', activedefrag: true, tls: true };
const tls = { ca: '/t/ca', cert: '/t/cert', key: '/t/key' };

function redis(
  environment: string,
  more: {
    facts?: BinaryFacts;
    cores?: number;
    flags?: Record<string, unknown>;
    tls?: boolean;
    replica?: boolean;
  } = {},
) {
  const topology = planTopology(loadEnvironment(environment, more.flags, new Map()));
  const node = topology.redis[0];
  if (node === undefined) throw new Error('the topology must have a node');
  return renderRedisConf({
    topology,
    node,
    placement,
    base: baseRedis,
    facts: more.facts ?? able,
    cores: more.cores ?? 4,
    secrets,
    paths: { dir: '/d', aclfile: '/d/users.acl', pidfile: '/d/pid', ...(more.tls ? { tls } : {}) },
    replicaOf: more.replica ? { host: '127.1.0.2', port: 6379 } : undefined,
    bindSource: true,
  });
}

function sentinel(environment: string, flags: Record<string, unknown> = {}, withTls = false) {
  const topology = planTopology(loadEnvironment(environment, flags, new Map()));
  const node = topology.sentinels[0];
  if (node === undefined) throw new Error('the topology must have a node');
  return renderSentinelConf({
    topology,
    node,
    placement,
    base: baseSentinel,
    facts: able,
    secrets,
    paths: { dir: '/s', aclfile: '/s/users.acl', pidfile: '/s/pid', ...(withTls ? { tls } : {}) },
    master: { host: '127.1.0.1', port: 6379 },
  });
}

const value = (text: string, name: string) =>
  parseConf(text)
    .filter((line) => line.name === name)
    .map((line) => line.args.join(' '));

describe('the redis.conf of a node', () => {
  it('has the values of the environment instead of those of the base file', () => {
    const { text, deviations } = redis('dev');
    expect(deviations).toEqual([]);
    for (const [name, is] of [
      ['maxmemory', '256mb'],
      ['min-replicas-max-lag', '2'],
      ['repl-backlog-size', '16mb'],
      ['save', '900 1 300 10 60 10000'],
      ['bind', '127.1.0.1'],
      ['bind-source-addr', '127.1.0.1'],
      ['replica-announce-ip', '127.1.0.1'],
      ['port', '6379'],
      ['aclfile', '/d/users.acl'],
      ['masteruser', 'replication'],
      ['activedefrag', 'yes'],
      ['daemonize', 'no'],
    ] as const) {
      expect(value(text, name), name).toEqual([is]);
    }
    expect(value(text, 'replicaof')).toEqual([]);
  });

  it('contains the address of the master for a replica', () => {
    expect(value(redis('dev', { replica: true }).text, 'replicaof')).toEqual(['127.1.0.2 6379']);
  });

  it('opens only the TLS port if TLS is on', () => {
    const { text } = redis('production', { tls: true });
    expect(value(text, 'port')).toEqual(['0']);
    expect(value(text, 'tls-port')).toEqual(['6379']);
    expect(value(text, 'tls-replication')).toEqual(['yes']);
    expect(value(text, 'tls-protocols')).toEqual(['TLSv1.2 TLSv1.3']);
  });

  it.each([
    [2, '1'],
    [3, '1'],
    [4, '3'],
  ])(
    'on a machine with %i cores has %s of 4 configured io-threads, and states the reason',
    (cores, given) => {
      const { text, deviations } = redis('production', { cores, tls: true });
      expect(value(text, 'io-threads')).toEqual([given]);
      expect(deviations).toEqual([`io-threads 4 reduced to ${given}: the machine has ${cores} cores`]);
    },
  );

  it('leaves one core free of io-threads', () => {
    const { text, deviations } = redis('production', { cores: 5, tls: true });
    expect(value(text, 'io-threads')).toEqual(['4']);
    expect(deviations).toEqual([]);
  });

  it('omits activedefrag if the binary lacks it, and states the omission', () => {
    const { text, deviations } = redis('dev', { facts: { ...able, activedefrag: false } });
    expect(value(text, 'activedefrag')).toEqual([]);
    expect(deviations[0]).toContain('activedefrag is omitted');
    expect(value(redis('dev', { flags: { 'redis.activedefrag': false } }).text, 'activedefrag')).toEqual([
      'no',
    ]);
  });

  it('accepts additional directives, and omits those that the version does not support', () => {
    const flags = {
      'redis.extra': {
        'set-max-listpack-entries': 128,
        hz: 20,
        'client-output-buffer-limit': 'pubsub 1mb 1mb 60',
      },
    };
    const old = redis('dev', { flags });
    expect(value(old.text, 'set-max-listpack-entries')).toEqual([]);
    expect(old.deviations).toEqual([
      'set-max-listpack-entries is omitted: it requires Redis 7.2 and newer, Valkey, got Redis 7.0.15',
    ]);
    expect(value(old.text, 'hz')).toEqual(['20']);
    expect(value(old.text, 'client-output-buffer-limit')).toEqual(['pubsub 1mb 1mb 60']);
    const recent = redis('dev', { flags, facts: { ...able, version: '7.2.0' } });
    expect(value(recent.text, 'set-max-listpack-entries')).toEqual(['128']);
  });

  it('disables persistence if the environment does', () => {
    const { text } = redis('dev', { flags: { 'redis.save': [], 'redis.appendonly': false } });
    expect(value(text, 'save')).toEqual(['']);
    expect(text).toMatch(/^save ""$/m);
    expect(value(text, 'appendonly')).toEqual(['no']);
  });

  it('is not rendered for a server that is too old or lacks the required TLS support', () => {
    expect(() => redis('dev', { facts: { ...able, version: '6.2.14' } })).toThrow(
      expect.objectContaining({ code: 'REDIS_TOO_OLD' }),
    );
    expect(() => redis('production', { facts: { ...able, tls: false } })).toThrow(
      expect.objectContaining({ code: 'REDIS_WITHOUT_TLS', where: 'production: security.tls' }),
    );
  });

  it('is the same for the same input', () => {
    expect(redis('dev')).toEqual(redis('dev'));
  });

  it.each(['cluster', 'single', 'dev', 'staging', 'production'])(
    'has no lint error or warning in %s except the intended ones',
    (name) => {
      const found = lintConf(redis(name, { tls: name === 'production' }).text, {
        target: { family: 'redis', version: '7.0.15' },
        cores: 4,
      });
      const meant = name === 'single' ? ['repl-backlog-size', 'min-replicas-to-write'] : [];
      expect(found.filter(({ severity }) => severity !== 'info').map(({ directive }) => directive)).toEqual(
        meant,
      );
    },
  );
});

describe('the sentinel.conf of a sentinel', () => {
  it('monitors the master of the environment under its service name', () => {
    const { text } = sentinel('dev', { 'topology.serviceName': 'cache' });
    expect(value(text, 'sentinel monitor')).toEqual(['cache 127.1.0.1 6379 2']);
    expect(value(text, 'sentinel down-after-milliseconds')).toEqual(['cache 1500']);
    expect(value(text, 'sentinel failover-timeout')).toEqual(['cache 5000']);
    expect(value(text, 'sentinel auth-user')).toEqual(['cache sentinel']);
    expect(value(text, 'sentinel announce-ip')).toEqual(['127.1.0.4']);
    expect(value(text, 'sentinel deny-scripts-reconfig')).toEqual(['yes']);
    expect(text).not.toContain('mymaster');
  });

  it('contains the other sentinels and the replicas from the start, with ids unique to the environment', () => {
    const topology = planTopology(loadEnvironment('dev', {}, new Map()));
    const addresses = [...topology.redis, ...topology.sentinels].map(({ id }, i) => ({
      id,
      host: `10.1.0.${i + 1}`,
    }));
    const all = new Map(addresses.map(({ id, host }) => [id, { host, port: 7000 }]));
    const master = { host: '10.1.0.2', port: 7000 };
    const idsOf = (groupId: string) => {
      const texts = topology.sentinels.map((node) =>
        renderKnownSentinels({
          ...{ topology, node, placement: all, master },
          idOf: (nodeId) => redisNodeId(groupId, nodeId),
        }),
      );
      const own = texts.map((text) => value(text, 'sentinel myid'));
      for (const [i, text] of texts.entries()) {
        expect(value(text, 'sentinel known-replica')).toEqual([
          'mymaster 10.1.0.1 7000',
          'mymaster 10.1.0.3 7000',
        ]);
        const others = own.flatMap(([id], k) => (k === i ? [] : [`mymaster 10.1.0.${k + 4} 7000 ${id}`]));
        expect(value(text, 'sentinel known-sentinel')).toEqual(others);
      }
      return own.flat();
    };
    const ids = [...idsOf('one'), ...idsOf('another')];
    expect(new Set(ids).size).toBe(6);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{40}$/);
  });

  it('has no lint error or warning, with and without TLS', () => {
    for (const text of [sentinel('staging').text, sentinel('production', {}, true).text]) {
      expect(lintConf(text).filter(({ severity }) => severity !== 'info')).toEqual([]);
    }
  });
});

describe('ACL files', () => {
  it('contain hashes, but no passwords', () => {
    const text = renderRedisAcl(secrets, 'shop', '7.0.15') + renderSentinelAcl(secrets, '7.0.15');
    for (const each of [...Object.values(secrets.redis), ...Object.values(secrets.sentinel)]) {
      expect(text).not.toContain(each.reveal());
    }
    // Redis has five users plus the loader; Sentinel has three users plus the exporter.
    expect(text.match(/#[0-9a-f]{64} /g)).toHaveLength(10);
  });

  it('allow the exporter to read from the sentinels with its Redis password', () => {
    const hash = /^user exporter on (#[0-9a-f]{64}) /m.exec(renderRedisAcl(secrets, 'shop', '7.0.15'))?.[1];
    const rules = /^user exporter on (.*)$/m.exec(renderSentinelAcl(secrets, '7.0.15'))?.[1]?.split(' ');
    expect(rules).toEqual(expect.arrayContaining([hash, '-@all', '+info', '+sentinel|masters']));
    expect(rules).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/publish|sentinel\|(set|failover|monitor)/)]),
    );
  });

  it('keep the permissions of the default user, which the AOF replay needs, and disable its login', () => {
    expect(renderRedisAcl(secrets, 'shop', '7.0.15')).toMatch(/^user default off resetpass ~\* &\* \+@all$/m);
  });

  it('contain commands of Redis 7.2 only for 7.2 and newer', () => {
    expect(renderRedisAcl(secrets, 'shop', '7.0.15')).not.toMatch(/setinfo|waitaof|no-touch/);
    expect(renderRedisAcl(secrets, 'shop', '7.2.0')).toMatch(
      /\+waitaof.*\+client\|setinfo \+client\|no-touch/,
    );
    expect(renderSentinelAcl(secrets, '8.0.1')).toContain('+client|setinfo');
  });

  it('allow the app only the channels of its namespace', () => {
    expect(renderRedisAcl(secrets, 'shop', '7.0.15')).toMatch(
      /^user app .* resetchannels &shop:\* &__redis__:invalidate /m,
    );
  });
});

describe('the base files', () => {
  it('state a reason for every directive, so no directive follows an empty line', () => {
    for (const base of [baseRedis, baseSentinel]) {
      const lines = base.split('\n');
      const bare = lines.filter(
        (line, i) => /^[a-z]/.test(line) && lines[i - 1] === '' && !/^(port|daemonize)/.test(line),
      );
      expect(bare).toEqual([]);
    }
  });

  it('have no lint error or warning', () => {
    for (const base of [baseRedis, baseSentinel]) {
      expect(lintConf(base).filter(({ severity }) => severity !== 'info')).toEqual([]);
    }
  });

  it('are accepted unchanged by the installed redis-server, except for machine-specific lines', () => {
    writeFileSync(join(dir, 'users.acl'), renderRedisAcl(secrets, 'shop', '7.0.15'));
    // Debian's build refuses defragmentation. Redis exits at the first line that it refuses, which is the last line
    // here.
    const text = `${baseRedis.replace('activedefrag yes', '')}aclfile ${join(dir, 'users.acl')}\nport 0\ndir ${dir}\nmaxmemory 10mb\nrdbchecksum perhaps\n`;
    let output = '';
    try {
      execFileSync('redis-server', ['-'], { input: text, encoding: 'utf8', timeout: 5000, stdio: 'pipe' });
    } catch (error) {
      output = `${(error as { stdout: string }).stdout}${(error as { stderr: string }).stderr}`;
    }
    expect(output).toContain('rdbchecksum perhaps');
  });
});

describe('versions', () => {
  it.each([
    ['7.0.15', '7.0', true],
    ['7.0.15', '7.2', false],
    ['8.0', '7.4.1', true],
    ['7.2.0-rc1', '7.2', true],
    ['7.2', '7.2.1', false],
  ])('%s is at least %s: %s', (version, wanted, is) => {
    expect(atLeast(version, wanted)).toBe(is);
  });
});
