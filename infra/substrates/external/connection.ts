/**
 * Plain connections to an external Redis, with the rights of the given user. They never retry or queue. Each common
 * mistake has its own error, and no error contains a password.
 */
import { readFileSync } from 'node:fs';
import nodeTls from 'node:tls';
import { Redis } from 'ioredis';
import { readVariables } from '../../../config/env.ts';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { ExternalTarget } from '../../../config/external-target.ts';
import { DIRECT_CONNECTION } from '../../redis/connection-options.ts';
import type { Address } from '../../topology.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const COMMAND_TIMEOUT_MS = 2_000;

/** Returns the given CA, or the CAs that this Node.js installation trusts. */
export function trustedCa(target: ExternalTarget): { readonly ca: string } | undefined {
  return target.tls && { ca: target.tls.ca ?? trustedByNode().join('\n') };
}

/** Returns the CAs that this Node.js installation trusts. `getCACertificates` needs Node.js 22.15. */
function trustedByNode(): readonly string[] {
  const { getCACertificates } = nodeTls as Partial<typeof nodeTls>;
  if (getCACertificates !== undefined) return getCACertificates('default');
  const extra = readVariables().get('NODE_EXTRA_CA_CERTS')?.text;
  return extra === undefined
    ? nodeTls.rootCertificates
    : [...nodeTls.rootCertificates, readFileSync(extra, 'utf8')];
}

/** Opens a connection. @throws KitError `EXTERNAL_UNREACHABLE`, `EXTERNAL_DENIED`, `EXTERNAL_NOT_REDIS` */
export async function connectTo(target: ExternalTarget, address: Address, as: Login = 'app'): Promise<Redis> {
  const { username, password } = target[as];
  const tls = trustedCa(target);
  const redis = new Redis({
    ...DIRECT_CONNECTION,
    ...address,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.reveal() }),
    ...(tls !== undefined && { tls }),
    db: as === 'app' ? target.db : 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
  });
  let failure: Error | undefined;
  // ioredis reports a refused AUTH or SELECT only here and continues without a user, in database 0.
  redis.on('error', (error: Error) => {
    failure ??= error;
  });
  const timer = setTimeout(() => redis.disconnect(), CONNECT_TIMEOUT_MS);
  try {
    await redis.connect();
    // Without AUTH, nothing has been sent yet, so verify that the server speaks the Redis protocol.
    const answer = await redis.ping().catch((error: Error) => error);
    if (failure !== undefined) throw failure;
    if (answer instanceof Error && !/^(NOPERM|LOADING|MASTERDOWN|MISCONF)/.test(answer.message)) throw answer;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw explainError(failure ?? (error as Error), address, target.tls !== undefined, as);
  } finally {
    clearTimeout(timer);
  }
}

interface Mistake {
  readonly sign: RegExp;
  readonly code: string;
  readonly message: string;
  readonly hint: string | ((login: Login) => string);
  readonly exitCode?: 2 | 3;
}

type Login = 'app' | 'sentinel';

/** Names of the credentials for each login; the sentinels have their own credentials. */
const CREDENTIALS: Readonly<Record<Login, string>> = {
  app: 'the URL, --user, --password-file, or REDIS_USERNAME, REDIS_PASSWORD and REDIS_PASSWORD_FILE',
  sentinel: 'REDIS_SENTINEL_USERNAME, and REDIS_SENTINEL_PASSWORD or REDIS_SENTINEL_PASSWORD_FILE',
};

const MISTAKES: readonly Mistake[] = [
  {
    sign: /^(WRONGPASS|ERR invalid password)/,
    code: 'EXTERNAL_DENIED',
    message: 'rejects the user and password',
    hint: (login) => `correct the user and password in ${CREDENTIALS[login]}`,
  },
  {
    sign: /^(NOAUTH|ERR AUTH)/,
    code: 'EXTERNAL_DENIED',
    message: 'requires other credentials',
    hint: (login) => `set the credentials with ${CREDENTIALS[login]}, or omit them if the server has none`,
  },
  {
    sign: /DB index is out of range|SELECT is not allowed/,
    code: 'EXTERNAL_DENIED',
    message: 'does not have that database',
    hint: 'change the number after the port (or REDIS_DB)',
  },
  {
    sign: /Protocol error|RESP type|wrong version number|packet length too long/i,
    code: 'EXTERNAL_NOT_REDIS',
    message: 'is reachable, but does not reply like Redis',
    hint: 'check the host and the port; use rediss:// for TLS and redis:// for plain text',
  },
  {
    sign: /certificate|CERT_|self.signed/i,
    code: 'EXTERNAL_DENIED',
    message: 'presents an untrusted certificate',
    hint: 'pass the CA of the server with --tls-ca FILE, and use a host name that the certificate covers',
  },
  {
    sign: /^NOPERM/,
    code: 'EXTERNAL_NOPERM',
    message: 'denies this user access to that database',
    hint: 'use a database that the user may access',
  },
];

function explainError(error: Error, { host, port }: Address, isTls: boolean, login: Login): KitError {
  const where = `${host}:${port}`;
  const mistake = MISTAKES.find(({ sign }) => sign.test(error.message));
  if (mistake !== undefined) {
    const { code, message } = mistake;
    const hint = typeof mistake.hint === 'string' ? mistake.hint : mistake.hint(login);
    const who = login === 'sentinel' ? 'the sentinel' : 'the server';
    return new KitError(`${who} ${message}`, { code, where, hint, exitCode: EXIT.USAGE, cause: error });
  }
  return new KitError(`no reply: ${error.message}`, {
    code: 'EXTERNAL_UNREACHABLE',
    exitCode: EXIT.UNKNOWN,
    where,
    hint: isTls
      ? 'check host, port and network; a Redis without TLS needs redis://'
      : 'check host, port and network; a Redis with TLS needs rediss://',
  });
}

/**
 * Returns whether a reply means that the server lacks the command, either because of its version or because its owner
 * renamed or removed the command.
 */
export function lacksCommand(message: string): boolean {
  return /unknown (sub)?command|command .*(not (allowed|supported|available)|disabled)/i.test(message);
}

/**
 * Combines the errors for several addresses, none of which could be used. A configuration error (exit 2) explains more
 * than an address that does not answer, and a reply explains more than no reply.
 */
export function combineFailures(failures: readonly KitError[]): KitError {
  const rank = ({ exitCode, code }: KitError) =>
    exitCode === EXIT.USAGE ? 0 : code === 'EXTERNAL_UNREACHABLE' ? 2 : 1;
  const [first, ...others] = [...failures].sort((a, b) => rank(a) - rank(b));
  if (first === undefined) throw new TypeError('there is no error to combine');
  if (others.length === 0) return first;
  const rest = others.map(({ where, message }) => `${where}: ${message}`).join('; ');
  return new KitError(`${first.message} (and ${rest})`, {
    code: first.code,
    exitCode: first.exitCode,
    cause: first.cause,
    ...(first.where !== undefined && { where: first.where }),
    ...(first.hint !== undefined && { hint: first.hint }),
  });
}
