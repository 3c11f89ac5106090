/**
 * A password rotation under load, as performed by `kit rotate`: every node accepts two passwords, the client moves to
 * the new one, then every node refuses the previous one. A separate user with the permissions of the app user exists on
 * every node until the script ends, so that the environment's passwords stay unchanged.
 *
 *   load begins ─▶ both accepted ─▶ function returns the new one ─▶ switchover ─▶ previous one refused ─▶ switchover ─▶
 *   load ends
 *
 * Each switchover closes the client's connections, so the client has to log in again. Left out: the users of the
 * environment and its files (`test/acceptance/rotate.test.ts`), and restarted nodes, which lose the user.
 */
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Cache, DurabilityError, OutcomeUnknownError } from '../../../client/index.ts';
import { waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { createUser, deleteUser, loginReply } from './drill-user.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  perSecond: 300,
  durableTimeoutMs: 5_000,
  /** Number of operations between two steps. */
  perStep: 300,
  loadBoundMs: 20_000,
};
/** Time between two groups of operations, in ms. */
const GROUP_INTERVAL_MS = 20;

type Context = ScriptContext<Resolved<typeof defaults>>;

export const rotatePassword = defineScript({
  name: 'rotate-password',
  defaults,
  async run(context) {
    const { onEachNode, tag, spec } = context;
    const user = `drill-${tag}`;
    const former = randomBytes(24).toString('base64url');
    try {
      const account = { user, like: spec.app.username, password: former };
      await onEachNode((redis) => createUser(redis, account));
      await rotateUnderLoad(context, { user, former });
    } finally {
      const remove = (redis: Redis) => deleteUser(redis, user);
      await onEachNode(remove, { afterInterrupt: true }).catch(() => undefined);
    }
  },
});

/** Whether Redis ended the WAIT of a durable write, or refused the write, because the master became a replica. */
export function isEndedBySwitchover(error: unknown): boolean {
  return error instanceof DurabilityError && /UNBLOCKED|replica instances/.test(error.message);
}

async function rotateUnderLoad(
  context: Context,
  { user, former }: { readonly user: string; readonly former: string },
): Promise<void> {
  const { open, retire, expect } = context;
  const next = randomBytes(24).toString('base64url');
  let password = former;
  let asked = 0;
  const cache = open({
    ...RELAXED_LIMITS,
    username: () => user,
    password: () => {
      if (password === next) asked += 1;
      return password;
    },
  });
  await cache.ping();
  const load = startLoad(context, cache);
  try {
    await load.more();
    await setPasswords(context, user, `>${next}`);
    await expectLogins(context, 'both', { user, former, next, isFormerValid: true });
    password = next;
    await expectSwitched(context, 'between');
    await load.more();
    expect('between/asked', 'calls of the password function that returned the new password', {
      ...{ relation: 'above', expected: 0, actual: asked },
    });
    await setPasswords(context, user, 'resetpass', `>${next}`);
    await expectLogins(context, 'finished', { user, former, next, isFormerValid: false });
    await expectSwitched(context, 'finished');
    await load.more();
  } finally {
    await load.stop();
  }
  await expectServed(context, load);
  await retire(cache);
}

/** Moves the master role to another node, so that the client has to connect and log in again. */
async function expectSwitched(
  { expect, inject, masterId }: Context,
  phase: 'between' | 'finished',
): Promise<void> {
  const before = await masterId();
  await inject('planned-switch');
  const after = await masterId();
  expect(`${phase}/switched`, 'whether another node is master after the switchover', {
    ...equals(true, after !== before),
  });
}

/** Sets the rules, which must be idempotent, on every node. */
async function setPasswords(context: Context, user: string, ...rules: readonly string[]): Promise<void> {
  await context.onEachNode((redis) => redis.call('ACL', 'SETUSER', user, ...rules));
}

/** Checks how every node replies to a new connection that logs in with each of the passwords. */
async function expectLogins(
  context: Context,
  phase: 'both' | 'finished',
  {
    user,
    former,
    next,
    isFormerValid,
  }: {
    readonly user: string;
    readonly former: string;
    readonly next: string;
    readonly isFormerValid: boolean;
  },
): Promise<void> {
  const { environment, expect, onEachNode } = context;
  const all = (reply: string) => Object.fromEntries(environment.topology.redis.map(({ id }) => [id, reply]));
  const replies = (password: string) => onEachNode((redis) => loginReply(redis, user, password));
  expect(`${phase}/former`, 'replies of the nodes to a login with the previous password', {
    ...equals(all(isFormerValid ? 'OK' : 'WRONGPASS'), await replies(former)),
  });
  expect(`${phase}/new`, 'replies of the nodes to a login with the new password', {
    ...equals(all('OK'), await replies(next)),
  });
}

interface Load {
  readonly sent: number;
  /** Acknowledged durable writes, by name. */
  readonly durable: readonly string[];
  /** Sets that failed or that Redis did not accept, and gets that failed or returned a different value. */
  readonly failed: readonly string[];
  /** Waits for more operations to complete. */
  more(): Promise<void>;
  stop(): Promise<void>;
}

/** Sets and gets entries until it is stopped. Every second set is durable. */
function startLoad({ remember, tag, parameters, signal }: Context, cache: Cache): Load {
  const { perSecond, durableTimeoutMs, perStep, loadBoundMs } = parameters;
  const durable: string[] = [];
  const failed: string[] = [];
  const running: Promise<void>[] = [];
  let completed = 0;
  const operate = async (n: number) => {
    const name = `rotate:${tag}:${n}`;
    remember(cache.physicalKey(name));
    const durability = { replicas: 1, timeoutMs: durableTimeoutMs };
    const isDurable = n % 2 === 1;
    const { source, replicas = 0 } = await cache.set(name, name, isDurable ? { durability } : {});
    const read = await cache.lookup<string>(name);
    // While no connection is open, a read is served from memory, which has no entry: a miss is not a failure.
    const isRead = read.source === 'memory' || (read.found && read.value === name);
    if (source !== 'redis' || !isRead) failed.push(`${name}: set by ${source}, read from ${read.source}`);
    if (isDurable && replicas > 0) durable.push(name);
  };
  const counted = async (n: number) => {
    await operate(n).catch((error: unknown) => {
      // The set was in flight, or was waiting for its replicas, when the master changed: another drill judges
      // switchovers.
      if (error instanceof OutcomeUnknownError || isEndedBySwitchover(error)) return;
      failed.push(`${n}: ${error instanceof Error ? error.message : String(error)}`);
    });
    completed += 1;
  };
  const perGroup = Math.ceil((perSecond * GROUP_INTERVAL_MS) / 1_000);
  const timer = setInterval(() => {
    for (let i = 0; i < perGroup; i += 1) {
      running.push(counted(running.length));
    }
  }, GROUP_INTERVAL_MS);
  return {
    ...{ durable, failed },
    get sent() {
      return running.length;
    },
    async more() {
      const target = completed + perStep;
      const wait = { boundMs: loadBoundMs, signal };
      await waitUntil(`${perStep} more operations to complete`, () => completed >= target, wait);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

async function expectServed({ expect, open, parameters }: Context, load: Load): Promise<void> {
  expect('load/sent', 'sets, each followed by a get', {
    ...{ relation: 'at-least', expected: 3 * parameters.perStep, actual: load.sent },
  });
  expect('load/failed', 'sets that Redis did not accept, and gets that failed or returned another value', {
    ...equals([], load.failed.slice(0, 5)),
  });
  const reader = open(RELAXED_LIMITS);
  const seen = await reader.lookupMany<string>([...load.durable]);
  const lost = load.durable.filter((name) => {
    const lookup = seen.get(name);
    return lookup?.found !== true || lookup.source !== 'redis' || lookup.value !== name;
  });
  expect('load/durable', 'acknowledged durable writes that are missing afterwards', equals(0, lost.length));
  expect('load/durable-seen', 'acknowledged durable writes', {
    ...{ relation: 'above', expected: 0, actual: load.durable.length },
  });
}
