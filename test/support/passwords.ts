/** Helpers for the passwords of an environment: logging in with them, and finding files that contain them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { filesBelow } from '../../harness/evidence/run-folder.ts';
import { DIRECT_CONNECTION } from '../../infra/redis/connection-options.ts';
import type { Address } from '../../infra/topology.ts';

type Groups = Readonly<Record<'redis' | 'sentinel', Readonly<Record<string, string>>>>;

/** @param file the `secrets.json` file of an environment */
export function readPasswords(file: string): readonly string[] {
  const { redis, sentinel, rotation } = JSON.parse(readFileSync(file, 'utf8')) as Groups & {
    readonly rotation?: Groups;
  };
  const groups = [redis, sentinel, rotation?.redis, rotation?.sentinel];
  return groups.flatMap((group) => Object.values(group ?? {}));
}

/** Files below the folder that contain one of the passwords. */
export function filesContaining(folder: string, passwords: readonly string[]): readonly string[] {
  return filesBelow(folder).filter((path) => {
    const text = readFileSync(join(folder, path), 'latin1');
    return passwords.some((password) => text.includes(password));
  });
}

/** A node's reply to a login: `OK`, or the first word of the error. */
export async function loginReply(address: Address, user: string, password: string): Promise<string> {
  const redis = new Redis({ ...DIRECT_CONNECTION, ...address });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await redis
      .call('AUTH', user, password)
      .then(String, (error: Error) => error.message.split(' ')[0] ?? '');
  } finally {
    redis.disconnect();
  }
}
