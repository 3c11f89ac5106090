/**
 * Location and credentials of an external Redis, from flags, with the connection variables of `env.ts` as a fallback.
 *
 *   flags ─▶ + variables ─▶ ExternalTarget, its passwords as Secrets
 *
 * A flag that names an address overrides all address variables. The user, password and database in a URL take
 * precedence over all other sources. No error quotes a password, not even one in a URL.
 */
import { readFileSync } from 'node:fs';
import { readVariables, type Variables } from './env.ts';
import { KitError } from './errors.ts';
import type { Overrides } from './load.ts';
import { Secret } from './secret.ts';

export interface ExternalFlags {
  readonly url?: string;
  /** Addresses of the sentinels, `host:port,host:port`. */
  readonly sentinels?: string;
  readonly cluster?: string;
  readonly serviceName?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly tlsCa?: string;
  /** Whether the user has agreed to generate load on a remote host. */
  readonly yes?: boolean;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Login {
  readonly username: string | undefined;
  readonly password: Secret | undefined;
}

export interface ExternalTarget {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** Addresses of the server, of the sentinels, or of any nodes of the cluster. */
  readonly addresses: readonly Address[];
  readonly serviceName: string;
  readonly db: number;
  readonly app: Login;
  readonly sentinel: Login;
  /** TLS; undefined without TLS. Without a CA, the system's root certificates apply. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly confirmed: boolean;
}

/** Prefix of every key that the kit writes on an external Redis. An ACL must allow it. */
export const EXTERNAL_NAMESPACE = 'redis-cache-kit';
/** TTL of every key on an external Redis, so that keys left behind by a killed run expire. */
export const EXTERNAL_TTL_SECONDS = 300;

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** Parts of the target that a URL contains, before variables are applied. */
interface FromUrl {
  readonly address: Address;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly db: number | undefined;
  readonly tls: boolean;
}

/** Reads the target. @throws KitError `EXTERNAL_INVALID` with the problem and the flag or variable */
export function readExternalTarget(
  flags: ExternalFlags,
  variables: Variables = readVariables(),
): ExternalTarget {
  const say = (name: string) => variables.get(name)?.text;
  const { mode, url, list, where } = chooseTarget(flags, say);
  const db = parseNumber(say('REDIS_DB'), 'variable REDIS_DB');
  if (mode === 'cluster') requireDatabaseZero(where, url?.db ?? db);
  const password = passwordOf(
    say('REDIS_PASSWORD'),
    flags.passwordFile ?? say('REDIS_PASSWORD_FILE'),
    flags.passwordFile === undefined ? 'variable REDIS_PASSWORD_FILE' : '--password-file',
  );
  const sentinelPassword = passwordOf(
    say('REDIS_SENTINEL_PASSWORD'),
    say('REDIS_SENTINEL_PASSWORD_FILE'),
    'variable REDIS_SENTINEL_PASSWORD_FILE',
  );
  const ca = flags.tlsCa ?? say('REDIS_TLS_CA');
  // A named CA implies TLS, because without TLS the password would be sent in clear text.
  const isTls = url?.tls === true || isOn(say('REDIS_TLS')) || ca !== undefined;
  return Object.freeze({
    mode,
    addresses: url === undefined ? list : [url.address],
    serviceName: flags.serviceName ?? say('REDIS_SERVICE_NAME') ?? 'mymaster',
    db: url?.db ?? db ?? 0,
    app: {
      username: url?.username ?? flags.user ?? say('REDIS_USERNAME'),
      password: url?.password ?? password,
    },
    sentinel: { username: say('REDIS_SENTINEL_USERNAME'), password: sentinelPassword },
    tls: isTls ? { ca: ca === undefined ? undefined : textOf(ca, caName(flags)) } : undefined,
    confirmed: flags.yes === true,
  });
}

/**
 * Returns the environment settings that apply to an external Redis: only the client settings. The server's settings are
 * unknown.
 */
export function externalOverrides(target: ExternalTarget, flags: Overrides): Overrides {
  return {
    'client.namespace': EXTERNAL_NAMESPACE,
    'client.defaultTtlSeconds': EXTERNAL_TTL_SECONDS,
    // The durability of a write on an external Redis is unknown.
    'durability.durableWrites': 'async',
    ...flags,
    'topology.kind': 'single',
    'topology.replicas': 0,
    'topology.sentinels': 0,
    'topology.serviceName': target.serviceName,
    'redis.minReplicasToWrite': 0,
    'security.tls': target.tls !== undefined,
  };
}

/** Redacts credentials in URLs, so that a command line can be stored. */
export function withoutLogins(args: readonly string[]): readonly string[] {
  // Matches up to the last @, because a password may contain one.
  return args.map((arg) => arg.replace(/\/\/.*@/s, '//[redacted]@'));
}

type Chosen = {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  readonly url: FromUrl | undefined;
  readonly list: readonly Address[];
  readonly where: string;
};

/** Determines how the external Redis is specified: by URL, sentinels or cluster nodes. */
function chooseTarget(flags: ExternalFlags, say: (name: string) => string | undefined): Chosen {
  const { url, sentinels, cluster } = flags;
  const given = Object.entries({ '--url': url, '--sentinels': sentinels, '--cluster': cluster });
  const named = given.flatMap(([flag, text]) => (text === undefined ? [] : [flag]));
  if (named.length > 1) {
    throw invalidTarget(`${named.join(' and ')} are mutually exclusive`, 'command line', 'use only one');
  }
  if (url !== undefined) return byUrl(url, '--url', 'standalone');
  if (sentinels !== undefined) return byList(sentinels, '--sentinels', 'sentinel', SENTINEL_PORT);
  if (cluster !== undefined) return byList(cluster, '--cluster', 'cluster', REDIS_PORT);
  const sentinelHosts = say('REDIS_SENTINEL_HOSTS');
  if (sentinelHosts !== undefined) {
    return byList(sentinelHosts, 'variable REDIS_SENTINEL_HOSTS', 'sentinel', SENTINEL_PORT);
  }
  const mode = isOn(say('REDIS_CLUSTER_ENABLED')) ? 'cluster' : 'standalone';
  const fromVariable = say('REDIS_URL');
  if (fromVariable !== undefined) return byUrl(fromVariable, 'variable REDIS_URL', mode);
  const host = say('REDIS_HOST');
  if (host === undefined) {
    throw invalidTarget(
      'no address of an external Redis given',
      'command line',
      'use --url redis://host:port, --sentinels host:port,… or --cluster host:port,…, or set REDIS_URL, REDIS_SENTINEL_HOSTS or REDIS_HOST',
    );
  }
  const port = parseNumber(say('REDIS_PORT'), 'variable REDIS_PORT') ?? REDIS_PORT;
  return { mode, url: undefined, list: [{ host, port }], where: 'variable REDIS_HOST' };
}

function byUrl(text: string, where: string, mode: Chosen['mode']): Chosen {
  return { mode, url: parseUrl(text, where), list: [], where };
}

function byList(text: string, where: string, mode: Chosen['mode'], port: number): Chosen {
  const list = text.split(',').map((part) => addressOf(part.trim(), where, port));
  return { mode, url: undefined, list, where };
}

function parseUrl(text: string, where: string): FromUrl {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === '') {
    const [shown = ''] = withoutLogins([text]);
    // Text without slashes may contain the password anywhere.
    const quoted =
      text.includes('@') && shown === text
        ? 'a text that is not shown, because it contains an @'
        : `'${shown}'`;
    throw invalidTarget(
      `must be a Redis URL, got ${quoted}`,
      where,
      'use redis://host:port or rediss://host:port',
    );
  }
  const db = databaseOf(parsed, where);
  const password = decodePart(parsed.password, where);
  return {
    address: { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || REDIS_PORT) },
    username: decodePart(parsed.username, where),
    password: password === undefined ? undefined : new Secret(password),
    db: db === '' ? undefined : parseNumber(db, `${where}: the database after the port`),
    tls: parsed.protocol === 'rediss:',
  };
}

/**
 * Returns the database, given as `/2` or `?db=2`, as in other clients. Every other query parameter is an error, because
 * the kit does not silently ignore parameters.
 */
function databaseOf({ pathname, searchParams, hash }: URL, where: string): string {
  const unknown = [...searchParams.keys()].filter((name) => name !== 'db');
  if (unknown.length > 0 || hash !== '') {
    const what = unknown.length > 0 ? `parameter '${unknown[0]}'` : 'fragment';
    throw invalidTarget(
      `unknown ${what} in the URL`,
      where,
      'use redis://user:password@host:port/db (or ?db=NUMBER); other settings have a flag or a variable',
    );
  }
  const given = [pathname.replace(/^\//, ''), ...searchParams.getAll('db')].filter((db) => db !== '');
  if (new Set(given).size > 1) {
    throw invalidTarget(`the URL must name one database, got ${given.join(' and ')}`, where, 'use only one');
  }
  return given[0] ?? '';
}

function decodePart(part: string, where: string): string | undefined {
  try {
    return part === '' ? undefined : decodeURIComponent(part);
  } catch {
    throw invalidTarget(
      'user or password contains an invalid percent encoding',
      where,
      'write a percent sign as %25',
    );
  }
}

function addressOf(text: string, where: string, defaultPort: number): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:\s@/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host !== undefined) return { host, port: port === undefined ? defaultPort : Number(port) };
  const shown = text.includes('@') ? 'an entry with @ (not shown)' : `'${text}'`;
  throw invalidTarget(`must be host:port, got ${shown}`, where, 'use host:port,host:port');
}

function passwordOf(text: string | undefined, file: string | undefined, where: string): Secret | undefined {
  if (file !== undefined) return new Secret(textOf(file, where).replace(/\r?\n$/, ''));
  return text === undefined ? undefined : new Secret(text);
}

function textOf(file: string, where: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw invalidTarget(
      `'${file}' cannot be read: ${(error as Error).message}`,
      where,
      'pass a readable file',
    );
  }
}

function caName(flags: ExternalFlags): string {
  return flags.tlsCa === undefined ? 'variable REDIS_TLS_CA' : '--tls-ca';
}

function parseNumber(text: string | undefined, where: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw invalidTarget(`must be an integer of at least 0, got '${text}'`, where, 'use an integer');
  return Number(text);
}

function isOn(text: string | undefined): boolean {
  return ['true', '1', 'yes', 'on'].includes(text?.trim().toLowerCase() ?? '');
}

function requireDatabaseZero(where: string, db: number | undefined): void {
  if (db === undefined || db === 0) return;
  throw invalidTarget(`a cluster has only database 0, got ${db}`, where, 'omit the database number');
}

function invalidTarget(message: string, where: string, hint: string): KitError {
  return new KitError(message, { code: 'EXTERNAL_INVALID', where, hint });
}
