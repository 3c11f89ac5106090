/** Tests access to every node and the permissions of the app user, over separate connections. */
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { DIRECT_CONNECTION } from '../../../infra/redis/connection-options.ts';
import type { Address } from '../../../infra/topology.ts';
import type { ScriptContext } from './script.ts';
import { defineScript, equals } from './script.ts';

/** The renamed commands of requirements document 002, and other commands that could destroy or reveal data. */
const DENIED: readonly (readonly [string, ...string[]])[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['EVAL', 'return 1', '0'],
  ['CONFIG', 'GET', 'maxmemory'],
  ['KEYS', '*'],
  ['DEBUG', 'JMAP'],
  ['SHUTDOWN', 'NOSAVE'],
  ['ACL', 'LIST'],
];

/**
 * Commands that are not executed, because they would take effect if they were allowed: ACL DRYRUN returns the answer
 * instead. DEBUG is included: while it is disabled for all users (enable-debug-command), it replies ERR, regardless of
 * the user's permissions.
 */
const DRY_RUN: ReadonlySet<string> = new Set(['FLUSHALL', 'FLUSHDB', 'SHUTDOWN', 'DEBUG']);

export const security = defineScript({
  name: 'security',
  defaults: {},
  async run(context) {
    const { environment, expect, spec } = context;
    const nodes = await environment.status();
    for (const { id, address } of nodes) {
      const user = id.startsWith('sentinel') ? spec.sentinel.username : spec.app.username;
      expect(`${id}-no-password`, `${id} refuses a client without a password`, {
        ...equals('NOAUTH', await replyTo(context, address, ['ROLE'])),
      });
      const wrong = ['AUTH', user, 'not-the-password'] as const;
      expect(`${id}-wrong-password`, `${id} refuses a wrong password`, {
        ...equals('WRONGPASS', await replyTo(context, address, wrong)),
      });
    }
    for (const { id, address } of nodes.filter((node) => node.id.startsWith('redis'))) {
      for (const command of DENIED) {
        const actual = (await isDenied(context, { id, address }, command)) ? 'denied' : 'allowed';
        expect(`${id}-${command[0]}`, `${id} denies ${command[0]} to the app`, equals('denied', actual));
      }
    }
    // The command lines of containers belong to another system, which does not always show them (drills/security.ts).
    if (process.platform !== 'linux' || environment.substrate !== 'local') return;
    const secrets = [spec.app.password, spec.sentinel.password];
    for (const { id, pid } of nodes) {
      if (pid === undefined) continue;
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
      const shown = secrets.filter((secret) => secret !== '' && commandLine.includes(secret)).length;
      expect(`${id}-command-line`, `no password on the command line of ${id}`, equals(0, shown));
    }
  },
});

async function isDenied(
  context: ScriptContext,
  node: { readonly id: string; readonly address: Address },
  command: readonly [string, ...string[]],
): Promise<boolean> {
  const { environment, spec } = context;
  if (DRY_RUN.has(command[0])) {
    const admin = await environment.admin(node.id);
    return String(await admin.call('ACL', 'DRYRUN', spec.app.username, ...command)) !== 'OK';
  }
  return (await replyTo(context, node.address, command, spec.app)) === 'NOPERM';
}

/** Returns the first word of the reply: an error code, or the value if the command was not refused. */
async function replyTo(
  { spec }: ScriptContext,
  { host, port }: Address,
  [command, ...args]: readonly [string, ...string[]],
  credentials?: { readonly username: string; readonly password: string },
): Promise<string> {
  const redis = new Redis({
    ...DIRECT_CONNECTION,
    host,
    port,
    ...credentials,
    ...(spec.tls && { tls: spec.tls }),
    commandTimeout: 2_000,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return String(await redis.call(command, ...args)).split(' ', 1)[0] ?? '';
  } catch (error) {
    return error instanceof Error ? (error.message.split(' ', 1)[0] ?? '') : String(error);
  } finally {
    redis.disconnect();
  }
}
