/**
 * Wrong values on nodes, each with the checker that must detect it and the expected texts of the reason and the remedy.
 */
import type { buildEnvironment } from '../history-builders.ts';
import type { Planted } from './node-builders.ts';

export type Overrides = Parameters<typeof buildEnvironment>[0];

export const ENCRYPTED: Overrides = { security: { tls: true }, promises: { encryption: true } };
export const CLUSTER: Overrides = {
  topology: { kind: 'cluster', masters: 3, replicas: 1, sentinels: 0, quorum: 1 },
  redis: { minReplicasToWrite: 0 },
};
export const SINGLE: Overrides = {
  topology: { kind: 'single', replicas: 0, sentinels: 0, quorum: 1 },
  redis: { minReplicasToWrite: 0 },
  durability: { durableWrites: 'async' },
};
export const configReply = (data: Readonly<Record<string, string>>, node = 'redis-2'): Planted => ({
  node,
  name: 'config',
  data,
});
export const masterReply = (data: Readonly<Record<string, string>>, node = 'sentinel-2'): Planted => ({
  node,
  name: 'sentinel-master',
  data,
});
export const user = (name: string, rules: string | null, node = 'redis-2'): Planted => ({
  node,
  name: 'users',
  data: { [name]: rules },
});

/** The checker, the planted value, and the expected texts of the reason and the remedy. */
export type Deviation = readonly [string, Planted, RegExp, RegExp, Overrides?];

export const RED: readonly Deviation[] = [
  [
    'persistence',
    configReply({ appendonly: 'no', save: '' }),
    /redis-2: appendonly is 'no'.*redis\.appendonly/,
    /redis-2: appendonly is 'no', rendered 'yes': CONFIG SET appendonly "yes"/,
  ],
  [
    'persistence',
    { node: 'redis-2', name: 'info', data: { aof_last_write_status: 'err' } },
    /aof_last_write_status is 'err'/,
    /space on its disk/,
  ],
  [
    'flush',
    configReply({ appendfsync: 'no' }),
    /redis-2: appendfsync is 'no'.*must be 'everysec' or 'always'/,
    /CONFIG SET appendfsync "everysec"/,
  ],
  [
    'flush',
    configReply({ 'no-appendfsync-on-rewrite': 'yes' }),
    /no-appendfsync-on-rewrite/,
    /CONFIG SET no-appendfsync-on-rewrite "no"/,
  ],
  [
    'eviction',
    configReply({ 'maxmemory-policy': 'noeviction' }),
    /maxmemory-policy is 'noeviction'.*redis\.maxmemoryPolicy/,
    /CONFIG SET maxmemory-policy "allkeys-lru"/,
  ],
  ['eviction', configReply({ 'maxmemory-policy': 'volatile-lru' }), /volatile-lru/, /rendered 'allkeys-lru'/],
  [
    'eviction',
    configReply({ maxmemory: '0' }),
    /maxmemory is '0'.*redis\.maxmemory\b/,
    /rendered '268435456'/,
  ],
  [
    'write-guard',
    configReply({ 'min-replicas-to-write': '0' }),
    /min-replicas-to-write is '0'.*redis\.minReplicasToWrite/,
    /live|CONFIG SET min-replicas-to-write "1"/,
  ],
  [
    'lag-bound',
    configReply({ 'min-replicas-max-lag': '60' }),
    /min-replicas-max-lag is '60'.*must be 1 to 2/,
    /CONFIG SET min-replicas-max-lag "2"/,
  ],
  ['lag-bound', configReply({ 'min-replicas-max-lag': '0' }), /min-replicas-max-lag is '0'/, /"2"/],
  [
    'promotable',
    configReply({ 'replica-priority': '0' }),
    /redis-2: replica-priority is '0'/,
    /CONFIG SET replica-priority "100"/,
  ],
  [
    'promotable',
    configReply({ 'replica-announced': 'no' }),
    /replica-announced is 'no'/,
    /CONFIG SET replica-announced "yes"/,
  ],
  [
    'promotable',
    configReply({ 'cluster-replica-no-failover': 'yes' }),
    /cluster-replica-no-failover is 'yes'/,
    /"no"/,
    CLUSTER,
  ],
  [
    'read-only-replicas',
    configReply({ 'replica-read-only': 'no' }),
    /replica-read-only is 'no'/,
    /CONFIG SET replica-read-only "yes"/,
  ],
  [
    'quorum',
    masterReply({ quorum: '3' }),
    /sentinel-2: quorum is '3'.*loss of one.*topology\.quorum/,
    /SENTINEL SET mymaster quorum 2/,
  ],
  [
    'quorum',
    masterReply({ quorum: '1' }),
    /one isolated sentinel can depose a healthy master/,
    /quorum is '1', rendered '2'/,
  ],
  [
    'quorum',
    { ...masterReply({ 'num-other-sentinels': '4' }), when: 'end' },
    /num-other-sentinels is '4' at the end of the run, must be 2/,
    /SENTINEL RESET mymaster/,
  ],
  ['quorum', masterReply({ name: 'other' }), /sentinel monitor is 'absent'/, /does not watch mymaster/],
  [
    'parallel-syncs',
    masterReply({ 'parallel-syncs': '2' }),
    /sentinel-2: parallel-syncs is '2'.*sentinel\.parallelSyncs/,
    /SENTINEL SET mymaster parallel-syncs 1/,
  ],
  [
    'encryption',
    { node: 'redis-2', name: 'ports', data: { plain: 'accepted' } },
    /redis-2: plain text on its port is 'accepted'/,
    /security\.tls/,
    ENCRYPTED,
  ],
  [
    'encryption',
    { node: 'sentinel-1', name: 'ports', data: { plain: 'accepted' } },
    /sentinel-1: plain text/,
    /security\.tls/,
    ENCRYPTED,
  ],
  [
    'encryption',
    { node: 'redis-2', name: 'ports', data: { besides: 'accepted' } },
    /plain port in addition to the TLS port/,
    /port 0/,
    ENCRYPTED,
  ],
  [
    'encryption',
    { node: 'redis-2', name: 'ports', data: { 'TLSv1.2': 'refused', 'TLSv1.3': 'no answer' } },
    /TLS 1\.2 or 1\.3 is 'refused'/,
    /tls-protocols/,
    ENCRYPTED,
  ],
  ['encryption', configReply({ port: '6380' }), /redis-2: port is '6380'/, /CONFIG SET port "0"/, ENCRYPTED],
  [
    'encryption',
    configReply({ 'tls-replication': 'no' }),
    /tls-replication is 'no'/,
    /CONFIG SET tls-replication "yes"/,
    ENCRYPTED,
  ],
  [
    'encryption',
    configReply({ 'tls-cluster': 'no' }),
    /tls-cluster is 'no'/,
    /"yes"/,
    { ...CLUSTER, ...ENCRYPTED },
  ],
  [
    'tls-versions',
    configReply({ 'tls-protocols': 'TLSv1 TLSv1.2 TLSv1.3' }),
    /tls-protocols is 'tlsv1 tlsv1\.2 tlsv1\.3'/,
    /tlsv1\.2 tlsv1\.3/,
    ENCRYPTED,
  ],
  [
    'tls-versions',
    configReply({ 'tls-protocols': '' }),
    /tls-protocols is ''/,
    /CONFIG SET tls-protocols/,
    ENCRYPTED,
  ],
  [
    'tls-versions',
    configReply({ 'tls-ciphers': 'DEFAULT:@SECLEVEL=0' }),
    /tls-ciphers/,
    /CONFIG SET tls-ciphers ""/,
    ENCRYPTED,
  ],
  [
    'tls-versions',
    { node: 'redis-2', name: 'ports', data: { 'TLSv1.1': 'accepted ECDHE-ECDSA-AES256-SHA' } },
    /a handshake with TLSv1\.1 is 'accepted ECDHE/,
    /accepts TLSv1\.1/,
    ENCRYPTED,
  ],
  [
    'tls-versions',
    { node: 'sentinel-2', name: 'ports', data: { 'worthless-ciphers': 'accepted NULL-SHA' } },
    /sentinel-2: a handshake with worthless-ciphers/,
    /tls-ciphers/,
    ENCRYPTED,
  ],
  [
    'exposure',
    configReply({ 'protected-mode': 'no' }),
    /redis-2: protected-mode is 'no'/,
    /CONFIG SET protected-mode "yes"/,
  ],
  [
    'exposure',
    configReply({ bind: '* -::*' }),
    /bind is '\* -::\*'.*must be '127\.1\.1\.2'/,
    /CONFIG SET bind "127\.1\.1\.2"/,
  ],
  ['exposure', configReply({ 'enable-debug-command': 'yes' }), /enable-debug-command is 'yes'/, /"no"/],
  ['exposure', configReply({ unixsocket: '/tmp/redis.sock' }), /unixsocket/, /CONFIG SET unixsocket ""/],
  [
    'exposure',
    { node: 'sentinel-2', name: 'info', data: { tcp_port: '26380' } },
    /sentinel-2: tcp_port is '26380'.*must be '26379'/,
    /listens on port 26380, rendered 26379/,
  ],
  [
    'users',
    user('mallory', 'on #digest:1 ~* +get'),
    /redis-2: user mallory is 'present'.*must be absent/,
    /ACL DELUSER mallory/,
  ],
  ['users', user('mallory', 'off', 'sentinel-1'), /sentinel-1: user mallory/, /ACL DELUSER mallory/],
  ['users', user('default', 'on nopass ~* &* +@all'), /user default is 'on'/, /ACL SETUSER default off/],
  ['users', user('exporter', null), /user exporter is 'absent'/, /ACL LOAD/],
  ['users', user('app', 'off #digest:1 ~* +get'), /user app is 'off'/, /ACL SETUSER app on/],
  [
    'passwords',
    user('app', 'on nopass ~* -@all +get'),
    /redis-2: user app is 'no password'.*may run get/,
    /ACL SETUSER app resetpass/,
  ],
  ['passwords', user('health', 'on nopass -@all +ping +keys'), /may run keys/, /health/],
  [
    'commands',
    user('app', 'on #digest:1 ~* -@all +@read +flushall'),
    /redis-2: user app is 'may run flushall, keys, sort'/,
    /-flushall/,
  ],
  ['commands', user('exporter', 'on #digest:1 -@all +config|get'), /may run config\|get/, /-config\|get/],
  ['commands', user('app', 'on #digest:1 -@all +eval'), /may run eval/, /-eval/],
  ['commands', user('app', 'on #digest:1 -@all +get (~a* -@all +debug)'), /may run debug/, /-debug/],
  ['commands', user('mallory', 'on #digest:1 +@all'), /user mallory is 'may run/, /ACL SETUSER mallory/],
  ['commands', user('peer', 'on #digest:1 +@all', 'sentinel-3'), /sentinel-3: user peer/, /ACL SETUSER peer/],
  [
    'drift',
    configReply({ timeout: '5' }),
    /redis-2: timeout is '5'.*rendered '0'/,
    /redis-2: timeout is '5', rendered '0': CONFIG SET timeout "0"/,
  ],
  ['drift', configReply({ maxclients: '50' }), /maxclients is '50'/, /"10500"/],
  [
    'drift',
    configReply({
      'client-output-buffer-limit': 'normal 0 0 0 slave 1048576 0 0 pubsub 33554432 8388608 60',
    }),
    /client-output-buffer-limit/,
    /replica 268435456 67108864 60/,
  ],
  [
    'drift',
    configReply({ 'repl-backlog-size': '16384' }),
    /repl-backlog-size is '16384'/,
    /rendered '16777216'/,
  ],
  [
    'drift',
    configReply({ masterauth: 'digest:other' }),
    /masterauth is 'digest:other'/,
    /rendered 'digest:replication'/,
  ],
  [
    'drift',
    masterReply({ 'down-after-milliseconds': '1001' }),
    /sentinel-2: down-after-milliseconds is '1001'.*rendered '1000'/,
    /SENTINEL SET mymaster down-after-milliseconds 1000/,
  ],
  [
    'drift',
    masterReply({ 'client-reconfig-script': '/tmp/x' }),
    /client-reconfig-script is '\/tmp\/x'/,
    /client-reconfig-script/,
  ],
  [
    'drift',
    { node: 'sentinel-1', name: 'sentinel-config', data: { 'resolve-hostnames': 'yes' } },
    /sentinel resolve-hostnames is 'yes'/,
    /SENTINEL CONFIG SET resolve-hostnames "no"/,
  ],
  ['drift', user('app', 'on #digest:1 ~* &* +@all'), /user app is '.*may also run/, /ACL LOAD/],
  [
    'drift',
    user('exporter', 'on #digest:9 resetchannels -@all +ping +info'),
    /has different passwords/,
    /exporter/,
  ],
  [
    'roles',
    { node: 'redis-2', name: 'role', data: { role: 'master', link: null } },
    /ROLE is '2 masters'/,
    /2 nodes report ROLE master, expected 1/,
  ],
  [
    'roles',
    { node: 'redis-1', name: 'role', data: { role: 'slave', link: 'connected' } },
    /ROLE is '0 masters'/,
    /0 nodes/,
  ],
  [
    'roles',
    { node: 'redis-3', name: 'role', data: { link: 'connect' } },
    /redis-3: the link to its master is 'connect'/,
    /masterauth/,
  ],
  [
    'roles',
    masterReply({ ip: '127.9.9.9' }),
    /sentinel-2: its master is '127\.9\.9\.9:6379 \(master\)'/,
    /reports 127\.9\.9\.9/,
  ],
  ['roles', masterReply({ flags: 'master,o_down' }), /master,o_down/, /failover/],
  [
    'roles',
    { node: 'redis-4', name: 'role', data: { role: 'master', link: null } },
    /ROLE is '4 masters'/,
    /4 nodes/,
    CLUSTER,
  ],
  [
    'read-only-replicas',
    configReply({ 'replica-ignore-maxmemory': 'no' }),
    /replica-ignore-maxmemory is 'no'/,
    /"yes"/,
  ],
  [
    'write-guard',
    configReply({ 'min-replicas-to-write': '2' }),
    /min-replicas-to-write is '2'.*must be at most 1/,
    /CONFIG SET min-replicas-to-write "1"/,
  ],
  [
    'quorum',
    { node: 'sentinel-2', name: 'info', data: { sentinel_tilt: '1' } },
    /sentinel-2: sentinel_tilt is '1'/,
    /must be '0'/,
  ],
  [
    'quorum',
    { node: 'sentinel-2', name: 'info', data: { sentinel_simulate_failure_flags: '1' } },
    /sentinel_simulate_failure_flags is '1'/,
    /restart it/,
  ],
  [
    'drift',
    { node: 'sentinel-2', name: 'sentinel-periods', data: { 'PING-PERIOD': '60000' } },
    /ping-period is '60000'.*rendered '1000'/,
    /SENTINEL DEBUG PING-PERIOD 1000/,
  ],
  [
    'roles',
    { node: 'redis-1', name: 'role', data: { replicas: '1' } },
    /redis-1: its replicas is '1'/,
    /expected 2/,
  ],
  [
    'roles',
    { node: 'redis-3', name: 'role', data: { host: '127.9.9.9' } },
    /redis-3: replicaof is '127\.9\.9\.9:6379'/,
    /REPLICAOF 127\.1\.1\.1 6379/,
  ],
];
