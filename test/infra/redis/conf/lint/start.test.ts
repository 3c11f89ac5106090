/** Compares the lint's prediction of whether a server starts with what the server actually does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIRECTIVES } from '../../../../../infra/redis/conf/grammar/index.ts';
import type { ValueKind } from '../../../../../infra/redis/conf/grammar/value.ts';
import { type LintTarget, lintConf, parseTarget } from '../../../../../infra/redis/conf/lint/index.ts';
import { tryStartServer } from '../../../../support/server-start.ts';
import { installedVersion } from '../conf-topology.ts';

const installed: LintTarget = { family: 'redis', version: installedVersion };

/** The finding that predicts that the server does not start. */
function refusal(text: string, target: LintTarget | string = installed) {
  const server = typeof target === 'string' ? parseTarget(target) : target;
  if (server === undefined) throw new Error(`no target: ${String(target)}`);
  return lintConf(Buffer.from(text, 'latin1').toString('utf8'), { target: server }).find(
    ({ refusesStart }) => refusesStart,
  );
}

const MONITOR = 'sentinel monitor m 127.0.0.1 6379 2';
const HASH = 'a'.repeat(64);
const modeOf = (text: string) => (/^sentinel /im.test(text) ? 'sentinel' : 'server');

describe('a text that the installed server rejects', () => {
  it.each([
    // white space and encodings
    '\xef\xbb\xbfport 7399',
    '\xef\xbb\xbf# comment\nport 7399',
    'port\xc2\xa07399',
    'port\xe2\x80\x837399',
    'port\v7399',
    'port 7399\f',
    '\v# comment',
    'p\x00o\x00r\x00t\x00 \x001\x00\n\x00',
    'requirepass "a"b',
    "requirepass 'open",
    // values
    'dbfilename a/b.rdb',
    'appendfilename a/b.aof',
    'appenddirname a/b',
    'client-output-buffer-limit normal 0 0',
    'client-output-buffer-limit bogus 0 0 0',
    'client-output-buffer-limit master 0 0 0',
    'client-output-buffer-limit replica 1xx 0 0',
    'client-output-buffer-limit replica 0 0 -1',
    'save 0 1',
    'save 900',
    'save 900 1 # hello',
    'shutdown-on-sigterm bogus',
    'shutdown-on-sigterm save nosave',
    'replicaof h 99999',
    'slaveof %master-ip% %master-port%',
    'unixsocketperm 999',
    'notify-keyspace-events Q',
    'maxmemory-clients 101%',
    'latency-tracking-info-percentiles 101',
    'oom-score-adj-values 0 200 5000',
    'proc-title-template "{title} {bogus}"',
    'proc-title-template "{title}"',
    'cluster-announce-hostname a_b',
    'hz 007',
    'hz -0',
    'repl-backlog-size 0',
    'maxclients 0',
    'databases ""',
    'dir ""',
    'bind a b c d e f g h i j k l m n o p q',
    'module.setting yes',
    // commands and users
    'rename-command NOSUCH x',
    'rename-command KEYS GET',
    'rename-command GET ""\nrename-command GET x',
    'rename-command "CONFIG|GET" x',
    'user a on\nuser a off',
    'user a on +nosuch',
    'user a on +@nosuch',
    'user a on +config|nosuch',
    'user a on -select|0',
    'user a on #abc',
    'user a on (+get ~a',
    'user a on (+get ~a:* (+set ~b',
    'user a on ~* ~b',
    'user a on <x',
    'user a on bogus',
    'user "a b" on',
    'aclfile /tmp/no-such-file\nuser a on',
    // combinations of lines
    'cluster-enabled yes\nreplicaof 127.0.0.1 1',
    'tls-port 7400',
    'tls-replication yes',
    'tls-port 7400\ntls-cert-file /x\ntls-key-file /x\ntls-auth-clients no\ntls-protocols bogus',
    // Sentinel
    `${MONITOR}\n${MONITOR}`,
    `${MONITOR}\nsentinel known-replica m 10.0.0.1 1\nsentinel known-replica m 10.0.0.1 1`,
    `${MONITOR}\nsentinel known-sentinel m 10.0.0.1 1 a\nsentinel known-sentinel m 10.0.0.2 2 a`,
    `${MONITOR}\nsentinel known-replica m redis-2 1`,
    `${MONITOR}\nsentinel myid 0123`,
    `${MONITOR}\nsentinel master-reboot-down-after-period m -1`,
    `${MONITOR}\nsentinel rename-command m CONFIG a\nsentinel rename-command m config b`,
    `${MONITOR}\nsentinel resolve-hostnames maybe`,
    'sentinel monitor m 127.0.0.300 6379 2',
    'sentinel monitor m 127.0.0.1 65536 2',
    'sentinel monitor m 127.0.0.1 6379 two',
    'sentinel monitor m 127.0.0.1 6379 2 # c',
    `${MONITOR}\nuser a on +get`,
  ])('is reported with line and remedy: %j', async (text) => {
    const { isStarted, output } = await tryStartServer(text, modeOf(text));
    expect(isStarted, output).toBe(false);
    const found = refusal(text);
    expect(found).toMatchObject({ severity: 'error', reason: expect.stringMatching(/does not start$/) });
    expect(found?.line).toBeGreaterThan(0);
    expect(found?.remedy).not.toBe('');
  });
});

describe('a text that the installed server accepts', () => {
  it.each([
    'requirepass foo#bar',
    'requirepass #secret',
    'client-output-buffer-limit "normal 0 0 0"',
    'save "900 1 300 10"',
    'save ""\nsave 60 1',
    'save "" \nsave 900 1',
    'latency-tracking-info-percentiles "50 99.9"',
    'latency-tracking-info-percentiles ""',
    'oom-score-adj-values "0 200 800"',
    'shutdown-on-sigterm "save now"',
    'bind "127.0.0.1 ::1"',
    'bind localhost',
    'maxmemory ""',
    'maxmemory 99999999999999999999',
    'notify-keyspace-events KEA',
    'replicaof no one',
    'user a on >p#ss ~* +@all',
    `user a on #${HASH} (+get ~a:*) +select|0 +config|get`,
    'user default on nopass ~* &* +@all',
    'rename-command GET ""\nuser a on +get',
    'rename-command GET a\nrename-command SET GET',
    'watchdog-period 0',
    'key-load-delay 0',
    'lua-replicate-commands no',
    '\tport\t7399\r\nappendonly no\r',
    '# caf\xe9\nport 7399',
    '   \n\v\n',
    'tls-port 0',
    `${MONITOR}\nsentinel parallel-syncs m one`,
    `${MONITOR}\nsentinel down-after-milliseconds m 5s`,
    `${MONITOR}\nsentinel auth-pass m #secret`,
    `sentinel down-after-milliseconds m 5000\n${MONITOR}`,
    'sentinel monitor m 127.1 6379 2',
    'sentinel monitor "a b" ::1 0 2x',
    `${MONITOR}\nuser a on +ping +sentinel|masters`,
    `${MONITOR}\nsentinel known-sentinel other 10.0.0.1 1`,
  ])('is not rejected: %j', async (text) => {
    const { isStarted, output } = await tryStartServer(text, modeOf(text));
    expect(isStarted, output).toBe(true);
    expect(refusal(text)).toBeUndefined();
  });
});

/** The expected results were measured with `npm run lint-truth` on the binaries of these versions. */
describe('the prediction for another server', () => {
  it.each([
    ['set-max-listpack-entries 128', 'redis@7.0', false],
    ['set-max-listpack-entries 128', 'redis@7.2', true],
    ['set-max-listpack-entries 128', 'valkey@8', true],
    ['loglevel nothing', 'redis@7.0', false],
    ['loglevel nothing', 'redis@7.2', true],
    ['maxmemory-samples 100', 'redis@7.2', true],
    ['maxmemory-samples 100', 'redis@7.4', false],
    ['hash-max-listpack-entries 1', 'redis@6.2', false],
    ['hash-max-ziplist-entries 1', 'redis@6.2', true],
    ['save 900', 'redis@6.2', true],
    ['save "900 1"', 'redis@6.2', true],
    ['user a on +get\nuser a on +set', 'redis@6.2', true],
    ['user a on &x', 'redis@6.2', false],
    ['user a on resetchannels &x', 'redis@6.2', true],
    ['user a on (+get)', 'redis@6.2', false],
    ['user a on +config|anything', 'redis@6.2', true],
    ['maxmemory 9223372036854775808', 'redis@7.4', true],
    ['maxmemory 9223372036854775808', 'redis@8.2', false],
    ['cluster-compatibility-sample-ratio 10', 'redis@8.2', true],
    ['cluster-slot-stats-enabled yes', 'redis@8.2', true],
    ['vset-force-single-threaded-execution yes', 'redis@8.2', true],
    ['io-threads-do-reads whatever', 'redis@8.2', true],
    ['io-threads-do-reads whatever', 'redis@7.4', false],
    ['notify-keyspace-events o', 'redis@8.2', true],
    ['notify-keyspace-events o', 'valkey@9.1', false],
    ['primaryauth x', 'valkey@8', true],
    ['primaryauth x', 'redis@8.2', false],
    ['commandlog-execution-slower-than 1', 'valkey@8.0', false],
    ['commandlog-execution-slower-than 1', 'valkey@9.1', true],
    ['repl-diskless-load flush-before-load', 'valkey@8.0', false],
    ['repl-diskless-load flush-before-load', 'valkey@9.1', true],
    ['shutdown-on-sigterm failover', 'valkey@8', false],
    ['shutdown-on-sigterm failover', 'valkey@9.1', true],
    ['dbfilename ""', 'redis@8.2', true],
    ['dbfilename ""', 'valkey@8', false],
    ['io-threads 200', 'redis@8.2', false],
    ['io-threads 200', 'valkey@9.1', true],
    ['user a on db=0', 'valkey@8', false],
    ['user a on db=0', 'valkey@9.1', true],
    ['user a on +hgetdel', 'redis@7.4', false],
    ['user a on +hgetdel', 'redis@8.2', true],
    ['sentinel primary-reboot-down-after-period m 0', 'redis@7.2', false],
    ['sentinel primary-reboot-down-after-period m 0', 'valkey@8', true],
  ])('%j on %s: starts %s', (text, target, starts) => {
    const whole = text.startsWith('sentinel') ? `${MONITOR}\n${text}` : text;
    expect(refusal(whole, target) === undefined).toBe(starts);
  });
});

describe('a file for several servers', () => {
  const brief = (text: string, target?: string) =>
    lintConf(
      `bind 127.0.0.1\n${text}\n`,
      target === undefined ? {} : { target: parseTarget(target) ?? { family: 'redis' } },
    )
      .filter(({ line }) => line > 1)
      .map(({ severity, reason }) => `${severity} ${reason}`);

  it('is reported as an error if no server starts, and as a warning that names the servers that do not start', () => {
    expect(brief('hz x')).toEqual(["error 'x' is not allowed: the server does not start"]);
    expect(brief('set-max-listpack-entries 128')).toEqual([
      "warning Redis 7.0 has no directive 'set-max-listpack-entries'; it requires Redis 7.2 and newer, Valkey: Redis 7.0 does not start",
    ]);
    expect(brief('set-max-listpack-entries 128', 'redis@7.2')).toEqual([]);
  });

  it('is treated as a Valkey file if a line is specific to Valkey', () => {
    expect(brief('dual-channel-replication-enabled yes')).toEqual([]);
    expect(brief('dual-channel-replication-enabled yes', 'redis')[0]).toMatch(
      /^error .*Valkey 8\.0 and newer/,
    );
  });

  it('is judged for all versions of a major version', () => {
    expect(brief('commandlog-request-larger-than 1', 'valkey@8')[0]).toMatch(
      /^warning .*Valkey 8\.0 does not start/,
    );
    expect(brief('commandlog-request-larger-than 1', 'valkey@9')).toEqual([]);
  });

  it('may contain an unknown name that a module, an included file or a newer server could define', () => {
    expect(brief('bogus-setting 1')[0]).toMatch(/^error/);
    expect(brief('bogus-setting 1', 'redis@99.0')[0]).toMatch(/^warning/);
    expect(brief('loadmodule /x.so\nbf-error-rate 0.01\nuser a on >x +bf.add')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^warning .*bf-error-rate.*unless a module/)]),
    );
    expect(brief('loadmodule /x.so\nbf-error-rate 0.01').some((text) => text.startsWith('error'))).toBe(
      false,
    );
  });

  it.each(['redis@5', 'redis@7.x', 'mysql@8', 'valkey@7.0', ''])('cannot have the target %j', (text) => {
    expect(parseTarget(text)).toBeUndefined();
  });
});

it('the lint agrees with the installed server about generated values', async () => {
  const word = fc.oneof(
    fc.constantFrom(
      'yes',
      'no',
      '""',
      '0',
      '-1',
      '007',
      '1kb',
      '5%',
      'x',
      '"a b"',
      '1 2',
      '2147483648',
      '# c',
    ),
    fc.bigInt(-(2n ** 65n), 2n ** 65n).map(String),
    fc.integer({ min: -5, max: 2000 }).map(String),
  );
  // Values are left out if they use memory, time, a directory or a port on the machine.
  const heavy =
    /^(?:databases|cluster-|io-threads|dir|unixsocket|aclfile|maxclients|tls-|activedefrag|locale-collate|bind|port)/;
  const name = fc.constantFrom(
    ...DIRECTIVES.flatMap(({ names, value }) =>
      isQuick(value) ? names.map((each) => each.name) : [],
    ).filter((each) => !heavy.test(each)),
  );
  await fc.assert(
    fc.asyncProperty(name, word, async (directive, value) => {
      const text = `${directive} ${value}`;
      const { isStarted, output } = await tryStartServer(text);
      expect(refusal(text) === undefined, `${text}: ${output.slice(0, 300)}`).toBe(isStarted);
    }),
    { numRuns: 60 },
  );
});

const isQuick = ({ kind }: ValueKind) => kind !== 'text';
