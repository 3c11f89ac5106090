/**
 * Defines users with least privilege, as the text of ACL files. Passwords appear only as SHA-256 hashes. Pure.
 *
 * While a password rotation is in progress, a user has two passwords (`EnvironmentSecrets.other`).
 *
 * `default` is off but keeps all rights: Redis replays its AOF as that user, and if the user has no rights, it silently
 * drops MULTI, Lua and function data at a restart (redis/redis#14541).
 */
import { createHmac } from 'node:crypto';
import { sha256Hex } from '../../../config/digest.ts';
import { Secret } from '../../../config/secret.ts';
import {
  type EnvironmentSecrets,
  type PasswordSet,
  REDIS_USERS,
  type RedisUser,
  SENTINEL_USERS,
  type SentinelUser,
} from '../../../config/secrets.ts';
import type { Topology } from '../../topology.ts';
import { atLeast } from '../server-version.ts';

const DEFAULT_USER = 'user default off resetpass ~* &* +@all';
/** User for health probes, which need no secret: the user can run only PING. */
const HEALTH_USER = 'user health on nopass resetchannels -@all +ping';

/** Whether the environment has a watchdog, and whether the watchdog sets the ping period of the sentinels. */
export interface WatchdogUse {
  readonly watchdog?: boolean;
  readonly setsPingPeriod?: boolean;
}

export function watchdogUseOf({ watchdog }: Pick<Topology, 'watchdog'>): WatchdogUse {
  return { watchdog: watchdog !== undefined, setsPingPeriod: watchdog?.pingPeriodMs !== undefined };
}

/**
 * @param namespace namespace whose channels the app may use; its keys are `~*`, because the client chooses its
 *   namespace
 * @param version version of Redis, or the Redis version whose commands the server has (`redisCompatibility`)
 */
export function renderRedisAcl(
  secrets: EnvironmentSecrets,
  namespace: string,
  version: string,
  { watchdog = false }: WatchdogUse = {},
): string {
  const rules: Readonly<Record<RedisUser, string>> = {
    admin: '~* &* +@all',
    app: appRules(namespace, version),
    // Redis documentation, "ACL rules for Sentinel and Replicas".
    replication: 'resetchannels -@all +psync +replconf +ping',
    sentinel: sentinelRules(),
    exporter: exporterRules(version),
  };
  const line = (user: string, rights: string) =>
    aclLine(user, hashesOf(secrets, redisPasswords, user), rights);
  return aclFile([
    ...REDIS_USERS.map((user) => line(user, rules[user])),
    line(LOADER, 'resetchannels -@all +function|load'),
    ...(watchdog ? [line(WATCHDOG, watchdogRules())] : []),
  ]);
}

/** User that loads the function library where only a container of the deployment can do so. It has no other rights. */
export const LOADER = 'loader';

export function loaderPassword(secrets: PasswordSet): Secret {
  return derivedPassword(secrets, LOADER);
}

/** User of the watchdog, on the Redis nodes and on the sentinels. */
export const WATCHDOG = 'watchdog';

export function watchdogPassword(secrets: PasswordSet): Secret {
  return derivedPassword(secrets, WATCHDOG);
}

/**
 * Returns a password that is derived from the admin's password, so that nothing else has to be stored. It does not
 * reveal the admin's password.
 */
function derivedPassword(secrets: PasswordSet, user: string): Secret {
  const key = secrets.redis.admin.reveal();
  return new Secret(createHmac('sha256', key).update(`redis-cache-kit/${user}`).digest('base64url'));
}

/**
 * Renders the users of a sentinel. The exporter uses the same password as on the Redis nodes, because it has one
 * password file for all targets.
 */
export function renderSentinelAcl(
  secrets: EnvironmentSecrets,
  version: string,
  { watchdog = false, setsPingPeriod = false }: WatchdogUse = {},
): string {
  const rules: Readonly<Record<SentinelUser, string>> = {
    admin: '~* &* +@all',
    app: joinRules([
      // Finds the master and receives failover events; each channel is named after its event (`+switch-master`).
      '&* -@all +ping +info +role +subscribe +unsubscribe +psubscribe +punsubscribe',
      '+sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|slaves',
      '+sentinel|sentinels +sentinel|ckquorum +client|setname +client|id',
      onlySince(version, '7.2', '+client|setinfo'),
    ]),
    peer: joinRules([
      // Commands that sentinel.c sends to other sentinels: links, votes, hello messages.
      'resetchannels &__sentinel__:hello -@all +ping +publish +sentinel|is-master-down-by-addr +client|setname',
    ]),
  };
  const exporter = joinRules([
    'resetchannels -@all +ping +info +sentinel|masters +sentinel|replicas +sentinel|slaves +sentinel|sentinels',
    '+sentinel|ckquorum +client|setname',
    onlySince(version, '7.2', '+client|setinfo'),
  ]);
  const line = (user: string, rights: string) =>
    aclLine(user, hashesOf(secrets, sentinelPasswords, user), rights);
  return aclFile([
    ...SENTINEL_USERS.map((user) => line(user, rules[user])),
    line('exporter', exporter),
    ...(watchdog ? [line(WATCHDOG, observerRules(setsPingPeriod))] : []),
  ]);
}

/**
 * Returns the rights that the cache client and a stock ioredis need. Commands in the categories `dangerous` and `admin`
 * (FLUSHALL, FLUSHDB, KEYS, CONFIG, DEBUG, …) and `scripting` (EVAL, EVALSHA, SCRIPT, FUNCTION) are denied. Functions
 * that an admin has loaded can be called. FUNCTION LOAD belongs to `@write`, so the order of the rules matters. INFO is
 * allowed: ioredis sends it before it reports a connection as ready.
 */
function appRules(namespace: string, version: string): string {
  return joinRules([
    `~* resetchannels &${namespace}:* &__redis__:invalidate`,
    '-@all +@read +@write +@transaction +@pubsub -@dangerous -@scripting +fcall +fcall_ro',
    '+ping +echo +info +role +select +wait',
    onlySince(version, '7.2', '+waitaof'),
    // Cluster commands: slot owners, a key that is being migrated, reads from a replica.
    '+cluster|slots +cluster|shards +cluster|nodes +cluster|info +cluster|myid +asking +readonly +readwrite',
    '+client|id +client|info +client|getname +client|setname +client|tracking +client|trackinginfo +client|caching',
    onlySince(version, '7.2', '+client|setinfo +client|no-touch'),
  ]);
}

/**
 * Returns the rights of Sentinel (Redis documentation, "ACL rules for Sentinel and Replicas"); Sentinel still sends
 * slaveof.
 */
function sentinelRules(): string {
  return joinRules([
    'resetchannels &__sentinel__:hello -@all +multi +exec +slaveof +replicaof +ping +subscribe +config|rewrite',
    '+role +publish +info +client|setname +client|kill +script|kill',
  ]);
}

/**
 * Returns the rights of the watchdog: the transaction with which Sentinel demotes a node (sentinel.c,
 * sentinelSendSlaveOf), and the commands on which the decision is based.
 */
function watchdogRules(): string {
  return 'resetchannels -@all +ping +info +multi +exec +replicaof +config|rewrite +client|kill';
}

function observerRules(setsPingPeriod: boolean): string {
  return `resetchannels -@all +ping +info +sentinel|master${setsPingPeriod ? ' +sentinel|debug' : ''}`;
}

/**
 * Returns the rights to read metrics. CONFIG GET is denied although exporters use it, because it returns masterauth in
 * plain text.
 */
function exporterRules(version: string): string {
  return joinRules([
    'resetchannels -@all +ping +info +dbsize +select +slowlog|get +slowlog|len +latency|latest +latency|histogram',
    '+client|setname +cluster|info +cluster|nodes',
    onlySince(version, '7.2', '+client|setinfo'),
  ]);
}

function onlySince(version: string, wanted: string, rules: string): string {
  return atLeast(version, wanted) ? rules : '';
}

function joinRules(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

/** Returns whether an ACL file, as rendered or as ACL SAVE writes it, accepts this password for the user. */
export function acceptsPassword(aclText: string, user: string, password: Secret): boolean {
  return aclText
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .some(
      ([word, name, ...rules]) => word === 'user' && name === user && rules.includes(`#${hashOf(password)}`),
    );
}

/** Hashes of the passwords of a user during a rotation. */
export interface RotatedAccount {
  readonly user: string;
  readonly current: string;
  readonly other: string;
}

/** Returns the users of a node that have two passwords while a rotation is in progress, including derived passwords. */
export function rotatedAccounts(
  role: 'redis' | 'sentinel',
  secrets: EnvironmentSecrets,
): readonly RotatedAccount[] {
  const { other } = secrets;
  if (other === undefined) return [];
  const passwordsOf = role === 'redis' ? redisPasswords : sentinelPasswords;
  const others = passwordsOf(other);
  return [...passwordsOf(secrets)].flatMap(([user, password]) => {
    const pair = { current: hashOf(password), other: hashOf(others.get(user) ?? password) };
    return pair.current === pair.other ? [] : [{ user, ...pair }];
  });
}

/**
 * Changes the passwords of the accounts in an ACL file, as rendered or as ACL SAVE writes it. Everything else is kept.
 *
 * @param accepts whether both passwords are accepted, or only the current one
 */
export function withPasswords(
  aclText: string,
  accounts: readonly RotatedAccount[],
  accepts: 'both' | 'current',
): string {
  const byUser = new Map(accounts.map((account) => [account.user, account]));
  return aclText
    .split('\n')
    .map((line) => {
      const [word, name = '', ...rules] = line.trim().split(/\s+/);
      const account = word === 'user' ? byUser.get(name) : undefined;
      if (account === undefined) return line;
      const wanted = [account.current, ...(accepts === 'both' ? [account.other] : [])].map(
        (hash) => `#${hash}`,
      );
      const [state = '', ...rest] = rules.filter((rule) => !sameRule(rule, account));
      return ['user', name, state, ...wanted, ...rest].join(' ');
    })
    .join('\n');
}

function sameRule(rule: string, { current, other }: RotatedAccount): boolean {
  return rule === `#${current}` || rule === `#${other}`;
}

/** Returns the passwords of the users on a Redis node. */
function redisPasswords(secrets: PasswordSet): ReadonlyMap<string, Secret> {
  return new Map([
    ...Object.entries(secrets.redis),
    [LOADER, loaderPassword(secrets)],
    [WATCHDOG, watchdogPassword(secrets)],
  ]);
}

/** Returns the passwords of the users on a sentinel. */
function sentinelPasswords(secrets: PasswordSet): ReadonlyMap<string, Secret> {
  return new Map([
    ...Object.entries(secrets.sentinel),
    ['exporter', secrets.redis.exporter],
    [WATCHDOG, watchdogPassword(secrets)],
  ]);
}

/** Returns the hash of a user's current password and, during a rotation, of the other one. */
function hashesOf(
  secrets: EnvironmentSecrets,
  passwordsOf: (set: PasswordSet) => ReadonlyMap<string, Secret>,
  user: string,
): readonly string[] {
  const sets = [secrets, ...(secrets.other === undefined ? [] : [secrets.other])];
  const passwords = sets.map((set) => passwordsOf(set).get(user)).filter((it) => it !== undefined);
  return [...new Set(passwords.map(hashOf))];
}

function aclLine(user: string, hashes: readonly string[], rules: string): string {
  return `user ${user} on ${hashes.map((hash) => `#${hash}`).join(' ')} ${rules}`;
}

function hashOf(password: Secret): string {
  return sha256Hex(password.reveal());
}

/**
 * Returns the text of an ACL file without comments, because Redis refuses an ACL file with any line that is not a user.
 */
function aclFile(users: readonly string[]): string {
  return `${[DEFAULT_USER, ...users, HEALTH_USER].join('\n')}\n`;
}
