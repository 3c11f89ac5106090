/**
 * Plain connections to a Redis that is not ours, with the rights of the user that was given. They never retry or queue. Errors say
 * which of the usual mistakes it was; no password is in them.
 */
import { getCACertificates } from 'node:tls';
import { Redis } from 'ioredis';
import type { AttachTarget } from '../../config/attach.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import type { Address } from '../topology.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const COMMAND_TIMEOUT_MS = 2_000;

/** The CA that was given, else what this Node trusts. */
export function trusted(target: AttachTarget): { readonly ca: string } | undefined {
  return target.tls && { ca: target.tls.ca ?? getCACertificates('default').join('\n') };
}

/** @throws KitError `ATTACH_UNREACHABLE`, `ATTACH_DENIED`, `ATTACH_NOT_REDIS` */
export async function connectTo(
  target: AttachTarget,
  address: Address,
  as: 'app' | 'sentinel' = 'app',
): Promise<Redis> {
  const { username, password } = target[as];
  const tls = trusted(target);
  const redis = new Redis({
    ...address,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.reveal() }),
    ...(tls !== undefined && { tls }),
    db: as === 'app' ? target.db : 0,
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  });
  let failure: Error | undefined;
  // A refused AUTH or SELECT is only reported here: ioredis goes on as nobody, in database 0.
  redis.on('error', (error: Error) => {
    failure ??= error;
  });
  const timer = setTimeout(() => redis.disconnect(), CONNECT_TIMEOUT_MS);
  try {
    await redis.connect();
    // Without AUTH nothing has been said yet: whoever is there has to speak the protocol first.
    const answer = await redis.ping().catch((error: Error) => error);
    if (failure !== undefined) throw failure;
    if (answer instanceof Error && !/^(NOPERM|LOADING|MASTERDOWN|MISCONF)/.test(answer.message)) throw answer;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw explained(failure ?? (error as Error), address, target.tls !== undefined);
  } finally {
    clearTimeout(timer);
  }
}

interface Mistake {
  readonly sign: RegExp;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode?: 2 | 3;
}

const MISTAKES: readonly Mistake[] = [
  {
    sign: /^(WRONGPASS|ERR invalid password)/,
    code: 'ATTACH_DENIED',
    message: 'refuses user and password',
    hint: 'look at the user and the password: in the URL, REDIS_USERNAME, REDIS_PASSWORD or --password-file',
  },
  {
    sign: /^(NOAUTH|ERR AUTH)/,
    code: 'ATTACH_DENIED',
    message: 'wants other credentials than were given',
    hint: 'give them in the URL, by REDIS_USERNAME and REDIS_PASSWORD, or by --user and --password-file; or leave them out where none are set',
  },
  {
    sign: /DB index is out of range|SELECT is not allowed/,
    code: 'ATTACH_DENIED',
    message: 'does not have that database',
    hint: 'change the number after the port (or REDIS_DB)',
  },
  {
    sign: /Protocol error|RESP type|wrong version number|packet length too long/i,
    code: 'ATTACH_NOT_REDIS',
    message: 'is there, but does not speak as a Redis',
    hint: 'look at host and port; a Redis with TLS needs rediss://, one without redis://',
  },
  {
    sign: /certificate|CERT_|self.signed/i,
    code: 'ATTACH_DENIED',
    message: 'shows a certificate that is not trusted',
    hint: 'give the CA that signed it with --tls-ca FILE, and the host by the name that it is made out to',
  },
  {
    sign: /^NOPERM/,
    code: 'ATTACH_NOPERM',
    message: 'does not let this user in to that database',
    hint: 'give a database that the user may use',
  },
];

function explained(error: Error, { host, port }: Address, isTls: boolean): KitError {
  const where = `${host}:${port}`;
  const mistake = MISTAKES.find(({ sign }) => sign.test(error.message));
  if (mistake !== undefined) {
    const { code, message, hint } = mistake;
    return new KitError(`the server ${message}`, { code, where, hint, exitCode: EXIT.USAGE, cause: error });
  }
  return new KitError(`no answer: ${error.message}`, {
    code: 'ATTACH_UNREACHABLE',
    exitCode: EXIT.UNKNOWN,
    where,
    hint: isTls
      ? 'look at host, port and network; a Redis without TLS needs redis://'
      : 'look at host, port and network; a Redis with TLS needs rediss://',
  });
}
