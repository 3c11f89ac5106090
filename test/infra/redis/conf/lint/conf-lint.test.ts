import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../../../config/load.ts';
import { hasDirective } from '../../../../../infra/redis/conf/grammar/index.ts';
import { type Finding, type LintOptions, lintConf } from '../../../../../infra/redis/conf/lint/index.ts';
import { atLeast } from '../../../../../infra/redis/server-version.ts';
import { installedVersion, startConfTopology } from '../conf-topology.ts';

const dir = mkdtempSync(join(tmpdir(), 'kit-lint-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A configuration without findings, so that the lint reports only the lines that a test adds. */
const sound = `bind 127.0.0.1
aclfile /etc/redis/users.acl
maxmemory 1gb
maxmemory-policy allkeys-lru
appendonly yes
min-replicas-to-write 1
min-replicas-max-lag 3
repl-backlog-size 64mb
repl-diskless-sync-delay 0
latency-monitor-threshold 100
`;
const soundSentinel = `bind 127.0.0.1
protected-mode yes
aclfile /etc/redis/users.acl
sentinel monitor m 10.0.0.1 6379 2
sentinel down-after-milliseconds m 5000
sentinel failover-timeout m 10000
`;

const replaced = (text: string, line: string) => {
  const name = line
    .split(' ')
    .slice(0, line.startsWith('sentinel') ? 2 : 1)
    .join(' ');
  return `${text
    .split('\n')
    .filter((each) => !each.startsWith(`${name} `))
    .join('\n')}${line}\n`;
};
const lint = (line: string, options?: LintOptions) => lintConf(replaced(sound, line), options);
const lintSentinel = (lines: string) =>
  lintConf(lines.split('\n').reduce(replaced, soundSentinel)).filter(
    ({ reason }) => !reason.startsWith('Sentinel rewrites'),
  );
const brief = ({ severity, directive }: Finding) => `${severity} ${directive}`;

/**
 * Returns whether the installed server refuses the text. The server listens on no address; if it starts, it exits after
 * it has read the last line.
 */
function refuses(text: string, mode: string[] = []): boolean {
  const file = join(dir, 'probe.conf');
  writeFileSync(file, `${text}\ndir ${dir}\nunixsocket ${join(dir, 'x'.repeat(200))}\n`);
  const { stdout, stderr } = spawnSync('redis-server', [file, '--port', '0', ...mode], {
    encoding: 'utf8',
    timeout: 3000,
  });
  return `${stdout}${stderr}`.includes('FATAL CONFIG FILE ERROR');
}

describe('the redis.conf lint', () => {
  it('accepts a correct file', () => {
    expect(lintConf(sound)).toEqual([]);
    expect(refuses(replaced(sound, 'aclfile ""'))).toBe(false);
  });

  it.each([
    ['maxmemory 2 gb', 'error maxmemory'],
    ['maxmemory 2gib', 'error maxmemory'],
    ['appendonly true', 'error appendonly'],
    ['maxmemory-policy lru', 'error maxmemory-policy'],
    ['hz fast', 'error hz'],
    ['io-threads 0', 'error io-threads'],
    ['port 70000', 'error port'],
    ['client-query-buffer-limit 100kb', 'error client-query-buffer-limit'],
    ['maxmemroy 2gb', 'error maxmemroy'],
    ['maxclients 100 # enough', 'error maxclients'],
    ['save 900', 'error save'],
    ['logfile "open', 'error logfile'],
    ['replicaof host', 'error replicaof'],
  ])('rejects a directive that the server rejects: %s', (line, found) => {
    expect(lint(line).map(brief)).toContain(found);
    expect(refuses(line)).toBe(true);
  });

  it('suggests the intended name, and names the line', () => {
    const [found] = lint('maxmemroy-policy allkeys-lru');
    expect(found).toMatchObject({ line: 11, severity: 'error', source: 'src/config.c' });
    expect(found?.reason).toContain("did you mean 'maxmemory-policy'?");
  });

  it.each([
    [
      'hash-max-ziplist-entries 512',
      'warning hash-max-ziplist-entries',
      'write hash-max-listpack-entries 512',
    ],
    ['slave-read-only yes', 'info slave-read-only', 'write replica-read-only yes'],
    ['io-threads-do-reads yes', 'info io-threads-do-reads', 'remove the line'],
    ['activedefrag yes', 'info activedefrag', 'omit it there'],
    ['lua-replicate-commands yes', 'warning lua-replicate-commands', 'remove the line'],
    ['maxmemory 0', 'warning maxmemory', 'two thirds'],
    ['maxmemory 2048', 'warning maxmemory', 'write the unit'],
    ['maxmemory-policy noeviction', 'warning maxmemory-policy', 'allkeys-lru'],
    ['maxmemory-policy volatile-lru', 'info maxmemory-policy', 'TTL'],
    ['appendonly no', 'warning appendonly', 'appendonly yes'],
    ['appendonly no\nsave ""', 'warning appendonly', 'appendonly yes'],
    ['appendfsync no', 'warning appendfsync', 'everysec'],
    ['appendfsync always', 'info appendfsync', 'everysec'],
    ['no-appendfsync-on-rewrite yes', 'warning no-appendfsync-on-rewrite', 'no'],
    ['stop-writes-on-bgsave-error no', 'info stop-writes-on-bgsave-error', 'yes'],
    ['min-replicas-to-write 0', 'warning min-replicas-to-write', 'WAIT'],
    ['min-replicas-max-lag 0', 'warning min-replicas-to-write', 'WAIT'],
    ['min-replicas-max-lag 10', 'info min-replicas-max-lag', '3'],
    ['repl-backlog-size 1mb', 'warning repl-backlog-size', '64mb'],
    ['repl-diskless-sync-delay 5', 'info repl-diskless-sync-delay', '0'],
    ['replica-read-only no', 'warning replica-read-only', 'yes'],
    ['repl-timeout 10', 'warning repl-timeout', 'several times'],
    ['latency-monitor-threshold 0', 'info latency-monitor-threshold', '100'],
    ['daemonize yes', 'warning daemonize', 'logfile'],
    ['include /etc/redis/more.conf', 'info include', 'that file separately'],
    ['bind 0.0.0.0', 'warning bind', 'addresses that clients use'],
    ['bind * -::*', 'warning bind', 'addresses that clients use'],
    ['protected-mode no', 'info protected-mode', 'yes'],
    ['aclfile ""', 'warning aclfile', 'least privilege'],
    ['requirepass dead-text-beside-an-aclfile', 'warning requirepass', 'remove it'],
    ['rename-command CONFIG ""', 'error rename-command', 'ACL: -config'],
    ['rename-command REPLICAOF ""', 'error rename-command', 'ACL: -replicaof'],
    ['rename-command FLUSHALL ""', 'warning rename-command', 'ACL: -flushall'],
    ['rename-command EVAL ""', 'warning rename-command', '-@scripting'],
    ['rename-command DEBUG ""', 'warning rename-command', '-debug'],
    ['user app on nopass ~* +@all', 'error user', 'password'],
    ['user app on >plain-text ~* +get', 'info user', 'SHA-256'],
    ['user default off', 'error user', 'user default off ~* &* +@all'],
    ['replicaof 10.0.0.1 6379', 'warning replicaof', 'masterauth'],
    ['masteruser replication', 'error masteruser', 'masterauth'],
    ['enable-debug-command yes', 'warning enable-debug-command', 'local'],
    ['tls-port 6380', 'error tls-port', 'tls-cert-file, tls-key-file, tls-ca-cert-file'],
    ['tls-port 6380', 'warning port', 'port 0'],
    ['tls-port 6380', 'warning tls-replication', 'yes'],
    ['tls-replication yes', 'error tls-replication', 'tls-cert-file'],
    ['maxmemory-policy allkeys-lru\nmaxmemory-policy allkeys-lfu', 'warning maxmemory-policy', 'keep one'],
  ])('reports for %j: %s', (line, found, remedy) => {
    const match = lint(line).filter((each) => brief(each) === found);
    expect(match.map((each) => each.remedy).join()).toContain(remedy);
  });

  it('reports well-known and short passwords', () => {
    const open = replaced(sound, 'aclfile ""');
    const of = (password: string) =>
      lintConf(`${open}requirepass ${password}\n`)
        .filter((each) => each.directive === 'requirepass')
        .map(brief);
    expect(of('[PASSWORD]')).toEqual(['error requirepass']);
    expect(of('foobared')).toEqual(['error requirepass']);
    expect(of('kT9-short')).toEqual(['warning requirepass', 'info requirepass']);
    expect(of('x'.repeat(32))).toEqual(['info requirepass']);
  });

  it.each([
    ['replica-priority 0', 'warning replica-priority', 'set replica-priority 100'],
    ['slave-priority 0', 'warning replica-priority', 'set replica-priority 100'],
    ['client-output-buffer-limit replica 32mb 64mb 60', 'warning client-output-buffer-limit', 'or more'],
    ['client-output-buffer-limit slave 256mb 16mb 60', 'warning client-output-buffer-limit', 'or more'],
    ['client-output-buffer-limit "replica 1mb 1mb 60"', 'warning client-output-buffer-limit', 'or more'],
    ['repl-backlog-size 512mb', 'warning client-output-buffer-limit', 'or more'],
  ])('warns about %j', (line, found, remedy) => {
    const match = lint(line).filter((each) => brief(each) === found);
    expect(match.map((each) => each.remedy).join()).toContain(remedy);
  });

  it.each([
    'replica-priority 10',
    'cluster-enabled yes\nreplica-priority 0',
    'client-output-buffer-limit replica 0 0 0',
    'client-output-buffer-limit replica 256mb 64mb 60',
    'client-output-buffer-limit normal 1mb 1mb 60',
    'client-output-buffer-limit replica 1mb 1mb 60\nclient-output-buffer-limit replica 0 0 0',
  ])('does not warn about %j', (lines) => {
    const found = lines.split('\n').reduce((text, line) => `${text}${line}\n`, sound);
    expect(
      lintConf(found).filter(({ directive }) =>
        /^(?:replica-priority|client-output-buffer-limit)$/.test(directive),
      ),
    ).toEqual([]);
  });

  it('counts the effective save points', () => {
    const persistence = (lines: string) =>
      lintConf(`${replaced(sound, 'appendonly no')}${lines}`).filter(
        ({ directive }) => directive === 'appendonly',
      )[0]?.reason;
    expect(persistence('save 60 1\nsave ""\n')).toMatch(/^no data survives a restart/);
    expect(persistence('save ""\nsave 60 1\n')).toMatch(/^a crash loses/);
    expect(persistence('save ""\nsave "60 1"\n')).toMatch(/^a crash loses/);
    expect(persistence('')).toMatch(/^a crash loses/);
  });

  it('reports no other finding about a rejected value', () => {
    const of = (line: string) => lint(line).map(brief);
    expect(of('maxmemory 2 gb')).toEqual(['error maxmemory']);
    expect(of('repl-backlog-size none')).toEqual(['error repl-backlog-size']);
    expect(of('min-replicas-to-write one')).toEqual(['error min-replicas-to-write']);
  });

  it('compares io-threads with the given number of cores', () => {
    expect(lint('io-threads 4', { cores: 2 }).map(brief)).toEqual(['warning io-threads']);
    expect(lint('io-threads 4', { cores: 4 })).toEqual([]);
    expect(lint('io-threads 4')).toEqual([]);
  });

  it('reports a newer directive as an error for an older server, and as a warning if the version is not given', () => {
    const line = 'set-max-listpack-entries 128';
    const version = (text: string): LintOptions => ({ target: { family: 'redis', version: text } });
    expect(lint(line, version('7.0.15')).map(brief)).toEqual(['error set-max-listpack-entries']);
    expect(lint(line, version('7.2.4'))).toEqual([]);
    expect(lint(line).map(brief)).toEqual(['warning set-max-listpack-entries']);
    expect(refuses(line)).toBe(!atLeast(installedVersion, '7.2'));
  });

  it('finds the errors in a sample file', () => {
    const seed = `maxmemory 2gb
maxmemory-policy allkeys-lru
appendonly yes
requirepass [PASSWORD]
rename-command FLUSHDB ""
rename-command FLUSHALL ""
rename-command EVAL ""
hash-max-ziplist-entries 512
activedefrag yes
io-threads 4
io-threads-do-reads yes
`;
    expect(
      lintConf(seed, { cores: 2 }).map(({ line, severity, directive }) => `${line} ${severity} ${directive}`),
    ).toEqual([
      '0 warning bind',
      '0 warning min-replicas-to-write',
      '0 warning repl-backlog-size',
      '0 info latency-monitor-threshold',
      '0 info repl-diskless-sync-delay',
      '4 error requirepass',
      '5 warning rename-command',
      '6 warning rename-command',
      '7 warning rename-command',
      '8 warning hash-max-ziplist-entries',
      '9 info activedefrag',
      '10 warning io-threads',
      '11 info io-threads-do-reads',
    ]);
  });

  it('covers every directive of the installed server', async () => {
    await using topology = await startConfTopology(loadEnvironment('single', {}, new Map()));
    const reply = (await topology.connect('redis-1', 'admin').config('GET', '*')) as string[];
    const names = reply.filter((_, i) => i % 2 === 0);
    expect(names.length).toBeGreaterThan(150);
    const server = { family: 'redis', version: installedVersion } as const;
    expect(names.filter((name) => !hasDirective(name, server))).toEqual([]);
  });
});

describe('the sentinel.conf lint', () => {
  it('reports only the missing location in a correct file', () => {
    expect(lintConf(soundSentinel).map(brief)).toEqual(['info sentinel monitor']);
    expect(refuses(replaced(soundSentinel, 'aclfile ""'), ['--sentinel'])).toBe(false);
  });

  it.each([
    ['sentinel monitor m redis-master 6379 2', 'error sentinel monitor'],
    ['sentinel monitor m 10.0.0.1 6379 0', 'error sentinel monitor'],
    ['sentinel monitor m 10.0.0.1 6379', 'error sentinel monitor'],
    ['sentinel down-after-milliseconds m soon', 'error sentinel down-after-milliseconds'],
    ['sentinel down-after-milliseconds other 5000', 'error sentinel down-after-milliseconds'],
    ['sentinel downafter m 5000', 'error sentinel downafter'],
  ])('rejects a directive that Sentinel rejects: %s', (line, found) => {
    expect(lintSentinel(line).map(brief)).toContain(found);
    const text = line.includes('monitor') ? line : `sentinel monitor m 10.0.0.1 6379 2\n${line}`;
    expect(refuses(text, ['--sentinel'])).toBe(true);
  });

  it.each([
    ['sentinel monitor m 10.0.0.1 6379 1', 'warning sentinel monitor', 'set the quorum to 2'],
    ['sentinel monitor m 10.0.0.1 6379 3', 'warning sentinel monitor', 'a majority: 2 of 3'],
    ['sentinel down-after-milliseconds m 300', 'error sentinel down-after-milliseconds', '1300 or more'],
    ['sentinel down-after-milliseconds m 200', 'error sentinel down-after-milliseconds', 'sentinel.fast'],
    ['sentinel down-after-milliseconds m 499', 'warning sentinel down-after-milliseconds', '1300 or more'],
    ['sentinel down-after-milliseconds m 1000', 'warning sentinel down-after-milliseconds', '1300 or more'],
    ['sentinel down-after-milliseconds m 30000', 'warning sentinel down-after-milliseconds', '5000'],
    ['sentinel failover-timeout m 60000', 'warning sentinel failover-timeout', 'failover-timeout m 10000'],
    ['sentinel parallel-syncs m 2', 'info sentinel parallel-syncs', '1'],
    ['sentinel resolve-hostnames yes', 'warning sentinel resolve-hostnames', 'no'],
    ['sentinel deny-scripts-reconfig no', 'warning sentinel deny-scripts-reconfig', 'yes'],
    ['sentinel auth-user m sentinel', 'error sentinel auth-user', 'sentinel auth-pass'],
    [`sentinel myid ${'0'.repeat(40)}`, 'warning sentinel myid', 'remove the line'],
    ['sentinel parallel-syncs m 0', 'warning sentinel parallel-syncs', '1'],
    ['maxmemory 1gb', 'warning maxmemory', 'redis.conf'],
    ['bind 0.0.0.0', 'warning bind', 'addresses'],
  ])('reports for %s: %s', (line, found, remedy) => {
    const match = lintSentinel(line).filter((each) => brief(each) === found);
    expect(match.map((each) => each.remedy).join()).toContain(remedy);
  });

  it('counts the known sentinels', () => {
    const known = (n: number) =>
      Array.from({ length: n }, (_, i) => `sentinel known-sentinel m 10.0.0.${i + 2} 26379 id${i}`).join(
        '\n',
      );
    const of = (quorum: number, sentinels: number) =>
      lintConf(
        `${replaced(soundSentinel, `sentinel monitor m 10.0.0.1 6379 ${quorum}`)}${known(sentinels - 1)}\n`,
      )
        .filter(({ severity, directive }) => severity !== 'info' && directive === 'sentinel monitor')
        .map(({ severity, reason }) => `${severity} ${reason.split(':')[0]}`);
    expect(of(2, 3)).toEqual([]);
    expect(of(3, 3)).toEqual(['error 3 of 3']);
    expect(of(4, 3)).toEqual(['error 4 is above the 3 known sentinels']);
    expect(of(1, 3)).toEqual(['warning the broken link of one sentinel counts as a failed master']);
    expect(of(4, 5)).toEqual(['warning 4 of 5 is more than a majority']);
    expect(of(2, 2)).toEqual(['error 2 of 2', 'warning 2 sentinels tolerate no more failures than 1']);
  });

  it.each([
    ['sentinel parallel-syncs m one', '0 replicas at once'],
    ['sentinel down-after-milliseconds m 5s', '5 milliseconds'],
    ['sentinel failover-timeout m 10000ms', '10000 milliseconds'],
    ['sentinel monitor m 10.0.0.1 6379x 2', '6379 as the port'],
    ['sentinel monitor m 10.0.0.1 6379 2nd', '2 as the quorum'],
    ['sentinel down-after-milliseconds m 4294967301', '5 milliseconds'],
    ['sentinel announce-port abc', '0 as the port'],
  ])('warns that Sentinel accepts %j, and takes %s', (line, taken) => {
    const [found] = lintSentinel(line).filter(({ reason }) => reason.includes('not a whole number'));
    expect(found).toMatchObject({ severity: 'warning', refusesStart: false });
    expect(found?.reason).toContain(`Sentinel starts and takes ${taken}`);
  });

  it('does not judge a quorum that Sentinel rejects', () => {
    const found = lintSentinel('sentinel monitor m 10.0.0.1 6379 two');
    expect(found.map(brief)).toEqual(['error sentinel monitor']);
    expect(JSON.stringify(found)).not.toContain('NaN');
  });

  it('reports that a file monitors no master', () => {
    expect(lintConf('port 26379\n', { kind: 'sentinel' }).map(brief)).toContain('error sentinel monitor');
  });

  it('treats Sentinel as open unless the file restricts access', () => {
    expect(lintConf('sentinel monitor m 10.0.0.1 6379 2\n').map(brief)).toContain('error protected-mode');
  });
});

describe('the lint for binary data', () => {
  const elf = '\x7fELF\x02\x01\x01\0\0\0';

  it('reports one finding', () => {
    const found = lintConf(`${elf}${'\0 port 1\n'.repeat(1000)}`);
    expect(found).toMatchObject([{ severity: 'error', refusesStart: true, line: 1 }]);
    expect(found[0]?.reason).toMatch(/^not a text file/);
    expect(lintConf('\ufffd\ufffdp\0o\0r\0t\0').map(({ remedy }) => remedy)).toEqual([
      'save it as UTF-8 (this may be UTF-16)',
    ]);
  });

  it('also recognizes binary data by its control characters', () => {
    const bytes = Array.from({ length: 4096 }, (_, i) => String.fromCharCode(1 + ((i * 7919) % 255))).join(
      '',
    );
    expect(lintConf(bytes)).toMatchObject([{ severity: 'error', refusesStart: true, line: 1 }]);
    expect(lintConf('port 1\nrequirepass "\x01\x02\x03\x04\x05\x06"\n').length).toBeGreaterThan(1);
  });

  it('reports a warning if the server still starts', () => {
    expect(lintConf('port 1\n# a\0b\n').map(brief)).toEqual(['warning ']);
  });

  it('stops after a hundred lines', () => {
    const random = Array.from({ length: 20_000 }, (_, i) => `word${i} ${i}`).join('\n');
    const found = lintConf(random).filter(({ line }) => line > 0);
    expect(found).toHaveLength(101);
    expect(found.at(-1)?.reason).toBe('further lines are rejected');
  });
});
