/**
 * A separate user for a drill, with the permissions of another user, so that the environment's passwords stay
 * unchanged; and logins of any user.
 */
import { type Redis, ReplyError } from 'ioredis';

/** Creates the user on a node. The user is not in the ACL file, so a restarted node does not have it. */
export async function createUser(
  node: Redis,
  { user, like, password }: { readonly user: string; readonly like: string; readonly password: string },
): Promise<void> {
  const rules = (await node.call('ACL', 'LIST')) as readonly string[];
  const rule = rules.find((line) => line.startsWith(`user ${like} `));
  if (rule === undefined) throw new Error(`no user '${like}' to copy the rights from`);
  const rights = rule
    .split(' ')
    .slice(2)
    .filter((word) => !word.startsWith('#'));
  await node.call('ACL', 'SETUSER', user, 'reset', ...rights, `>${password}`);
}

/** Removes the user from a node; this also closes its connections. */
export async function deleteUser(node: Redis, user: string): Promise<void> {
  await node.call('ACL', 'DELUSER', user);
}

/** Logs in on a new connection. Returns `OK`, or the first word of the error with which Redis replied. */
export async function loginReply(node: Redis, user: string, password: string): Promise<string> {
  const probe = node.duplicate({ username: '', password: '' });
  probe.on('error', () => undefined);
  try {
    await probe.connect();
    return String(await probe.call('AUTH', user, password));
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    return (error as Error).message.split(' ')[0] ?? '';
  } finally {
    probe.disconnect();
  }
}
