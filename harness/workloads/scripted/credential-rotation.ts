/**
 * Passwords that change while a cache uses them: the cache gets its user and its password from functions. A separate
 * user for the drill, with the permissions of the app user, exists on every node until the script ends.
 *
 *   password 1 ─▶ servers accept only password 2, the function still returns 1 ─▶ the function returns 2
 *              ─▶ the function returns 3, and the servers accept only password 3
 */
import type { Redis } from 'ioredis';
import type { Cache } from '../../../client/index.ts';
import { pause, waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { createUser, deleteUser } from './drill-user.ts';
import { defineScript, equals, type ScriptContext } from './script.ts';

/** `servedBoundMs`: a client waits for at most 5 s after a rejected login. */
const defaults = { commandTimeoutMs: 300, refusedMs: 100, servedBoundMs: 8_000 };

type Context = ScriptContext<Resolved<typeof defaults>>;

export const credentialRotation = defineScript({
  name: 'credential-rotation',
  defaults,
  async run(context) {
    const { environment, tag } = context;
    const nodes = await Promise.all(environment.topology.redis.map(({ id }) => environment.admin(id)));
    const user = `drill-${tag}`;
    try {
      const account = { user, like: context.spec.app.username, password: 'first' };
      await Promise.all(nodes.map((node) => createUser(node, account)));
      await expectRotated(context, nodes, user);
    } finally {
      await Promise.allSettled(nodes.map((node) => deleteUser(node, user)));
    }
  },
});

async function expectRotated(context: Context, nodes: readonly Redis[], user: string): Promise<void> {
  const { open, retire, expect, parameters, remember, signal, tag } = context;
  let password = 'first';
  let calls = 0;
  const cache = open({
    commandTimeoutMs: parameters.commandTimeoutMs,
    username: async () => user,
    password: async () => {
      calls += 1;
      return password;
    },
  });
  const key = `rotation:${tag}`;
  remember(...['', ':written', ':refused'].map((suffix) => cache.physicalKey(`${key}${suffix}`)));
  await cache.ping();
  const { source } = await cache.set(key, 'old');
  const read = (await cache.getEntry(key))?.source ?? null;
  expect('before/served', 'Redis accepts the write and serves the read', {
    ...equals(['redis', 'redis'], [source, read]),
  });

  await rotatePassword(nodes, user, 'second');
  await pause(parameters.refusedMs, signal);
  expect('refused/reported', 'the error of a command that was not sent names the rejected login', {
    ...equals(true, /WRONGPASS/.test(await messageOf(() => cache.setIfAbsent(`${key}:refused`, 1)))),
  });
  const callsBefore = calls;
  password = 'second';
  const isServed = await expectServed(context, cache, {
    ...{ phase: 'second', key, boundMs: parameters.servedBoundMs },
  });
  expect('second/asked', 'the function was called for the next connection', {
    ...{ relation: 'above', expected: callsBefore, actual: calls },
  });

  password = 'third';
  await rotatePassword(nodes, user, password);
  // If Redis did not serve the client with the second password, the script waits only for `refusedMs`.
  const boundMs = isServed ? parameters.servedBoundMs : parameters.refusedMs;
  await expectServed(context, cache, { phase: 'third', key, boundMs });
  await retire(cache);
}

/** Checks that reads and writes reach Redis again without a restart. Returns whether they did. */
async function expectServed(
  { expect, signal }: Context,
  cache: Cache,
  { phase, key, boundMs }: { readonly phase: string; readonly key: string; readonly boundMs: number },
): Promise<boolean> {
  const isServed = async () => {
    const receipt = await cache.set(`${key}:written`, phase);
    const read = await cache.getEntry(key);
    return receipt.source === 'redis' && read?.source === 'redis' && read.value === 'old';
  };
  const wait = { boundMs, signal };
  const served = await waitUntil(`Redis to serve with the ${phase} password`, isServed, wait).catch(() => {
    signal.throwIfAborted();
    return false;
  });
  expect(`${phase}/served`, `Redis accepts writes and serves reads with the ${phase} password`, {
    ...equals(true, served),
  });
  return served;
}

/** Makes every node accept only this password from now on, and closes existing connections. */
async function rotatePassword(nodes: readonly Redis[], user: string, password: string): Promise<void> {
  for (const node of nodes) await node.call('ACL', 'SETUSER', user, 'resetpass', `>${password}`);
  for (const node of nodes) await node.call('CLIENT', 'KILL', 'USER', user);
}

async function messageOf(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => '',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}
