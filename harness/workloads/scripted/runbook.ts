/**
 * The operations of the runbook, one after the other on keys of the drill: warming, inspection, planned switchover,
 * backup with a restore into scratch servers, password rotation, flush. Each is performed by the kit, and its effect is
 * read from the nodes.
 *
 * The password of the user `app` is rotated and the rotation is cancelled, so that the environment keeps its passwords.
 * Left out, because other drills do it: a restore over changed data (`backup-restore.ts`) and the end of a rotation
 * (`rotate-password.ts`).
 */
import { writeFileSync } from 'node:fs';
import { decodeEnvelope, encodeEnvelope } from '../../../client/envelope.ts';
import type { Resolved } from '../parameters.ts';
import { hasValue, type RawKey, rawKeys } from '../raw-keys.ts';
import { loginReply } from './drill-user.ts';
import { defineScript, equals, errorOf, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = { entries: 40, ttlSeconds: 600, rolesBoundMs: 15_000, neighbourTtlSeconds: 600 };

type Context = ScriptContext<Resolved<typeof defaults>>;

interface Setting {
  readonly context: Context;
  readonly namespace: string;
  /** Prefix of the physical keys. */
  readonly prefix: string;
  /** Logical keys that the drill warms. */
  readonly keys: readonly string[];
}

const USER = 'app';

export const runbook = defineScript({
  name: 'runbook',
  defaults,
  async run(context) {
    const { remember, tag, spec, parameters, environment, operations } = context;
    const namespace = `${spec.settings.namespace}:runbook-${tag}`;
    const keys = Array.from({ length: parameters.entries }, (_, n) => `item-${n}`);
    const setting: Setting = { context, namespace, prefix: `${namespace}:`, keys };
    try {
      await warm(setting);
      await inspect(setting);
      if (environment.topology.environment.topology.kind !== 'single') await failOver(setting);
      await backUpAndVerify(setting);
      await rotate(setting);
      await flush(setting);
    } finally {
      if (operations.isRotating()) await operations.rotate('cancel', USER);
      remember(...(await rawKeys(context, namespace)).keys());
    }
  },
});

const valueFor = (key: string) => `value of ${key}`;

/** Returns the keys of the drill with a value, as the masters store them. */
async function heldKeys({ context, prefix, keys }: Setting): Promise<readonly RawKey[]> {
  const raw = await rawKeys(context, prefix);
  return keys.flatMap((key) => {
    const found = raw.get(`${prefix}${key}`);
    if (found === undefined || !hasValue(found)) return [];
    const decoded = decodeEnvelope(found.bytes);
    return decoded.ok && decoded.value === valueFor(key) ? [found] : [];
  });
}

async function warm(setting: Setting): Promise<void> {
  const { context, namespace, keys } = setting;
  const { operations, artifactPath, expect, parameters } = context;
  const file = artifactPath('strategies.mjs');
  const entries = JSON.stringify(keys.map((key) => [key, valueFor(key)]));
  const { ttlSeconds } = parameters;
  writeFileSync(
    file,
    `export const strategies = [{ name: 'rehearsal', ttlSeconds: ${ttlSeconds}, generate: () => ${entries} }];\n`,
  );
  const { exitCode } = await operations.kit('warm', '--module', file, '--namespace', namespace);
  expect('warm/command', 'exit code of kit warm', equals(0, exitCode));
  const held = await heldKeys(setting);
  expect('warm/stored', 'warmed entries on the masters', equals(keys.length, held.length));
  const timely = held.filter(({ ttlMs }) => ttlMs > 0 && ttlMs <= ttlSeconds * 1_000);
  expect(
    'warm/ttl',
    'entries that expire within the TTL of the strategy',
    equals(keys.length, timely.length),
  );
}

async function inspect(setting: Setting): Promise<void> {
  const { context, namespace, prefix, keys } = setting;
  const { operations, expect } = context;
  const [key = ''] = keys;
  const { exitCode, stdout } = await operations.kit(
    ...['cache-inspect', key, '--namespace', namespace, '--value', '--json'],
  );
  expect('inspect/command', 'exit code of kit cache-inspect', equals(0, exitCode));
  const raw = (await rawKeys(context, `${prefix}${key}`)).get(`${prefix}${key}`);
  const seen = parseObject(stdout);
  expect('inspect/facts', 'key, type, bytes and value that the command prints', {
    ...equals(
      [`${prefix}${key}`, 'string', raw?.bytes.length ?? null, valueFor(key)],
      [seen.key, seen.type, seen.valueBytes, seen.value].map((fact) => textOrNumber(fact)),
    ),
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

const textOrNumber = (fact: unknown): string | number | null =>
  typeof fact === 'string' || typeof fact === 'number' ? fact : null;

async function failOver(setting: Setting): Promise<void> {
  const { context, keys } = setting;
  const { operations, caughtUp, environment, expect, awaitCondition, parameters } = context;
  await caughtUp();
  const { from, to } = await operations.switchOver();
  const { masters } = environment.topology.environment.topology;
  const planned = { [from]: 'slave', [to]: 'master' };
  let roles = await rolesOf(context);
  const isSwitched = async () => {
    roles = await rolesOf(context);
    return roles[from] === 'slave' && roles[to] === 'master';
  };
  await awaitCondition('the roles after the switchover', isSwitched, parameters.rolesBoundMs);
  expect('failover/switched', 'roles of the previous and of the new master, as the nodes report them', {
    ...equals(planned, { [from]: roles[from] ?? null, [to]: roles[to] ?? null }),
  });
  expect('failover/roles', 'nodes that report the role master', {
    ...equals(masters, Object.values(roles).filter((role) => role === 'master').length),
  });
  const held = await heldKeys(setting);
  expect('failover/kept', 'entries on the masters after the switchover', equals(keys.length, held.length));
}

async function rolesOf({ onEachNode }: Context): Promise<Readonly<Record<string, string>>> {
  return onEachNode(async (redis) => String(((await redis.call('ROLE')) as readonly unknown[])[0]));
}

/** The restore compares every key of the archive with a scratch server; the environment is not changed. */
async function backUpAndVerify({ context, keys }: Setting): Promise<void> {
  const { backUp, caughtUp, expect } = context;
  await caughtUp();
  const before = await rolesOf(context);
  const backup = await backUp();
  let compared = 0;
  const failed = await errorOf(async () => {
    compared = await backup.verify();
  });
  const databases = backup.manifest.parts.flatMap(({ contents }) => Object.values(contents?.databases ?? {}));
  expect('restore/keys', 'keys in the archive', {
    relation: 'at-least',
    expected: keys.length,
    actual: databases.reduce((sum, database) => sum + database.keys, 0),
  });
  expect('restore/verified', 'error of the restore; whether all entries of the drill were compared', {
    ...equals([null, true], [failed, compared >= keys.length]),
  });
  expect('restore/roles', 'roles of the nodes after the backup', equals(before, await rolesOf(context)));
}

async function rotate({ context, namespace, keys }: Setting): Promise<void> {
  const { operations, environment, expect, open, retire, onEachNode } = context;
  const password = () => environment.passwords?.secrets().redis.app.reveal() ?? '';
  const replies = async (of: string) =>
    Object.values(await onEachNode((redis) => loginReply(redis, USER, of)));
  const all = (reply: string) => environment.topology.redis.map(() => reply);
  const former = password();
  await operations.rotate('begin', USER);
  const next = password();
  expect('rotate/begun', 'whether the password is new; replies to logins with the new and the previous one', {
    ...equals([true, all('OK'), all('OK')], [next !== former, await replies(next), await replies(former)]),
  });
  const cache = open({ ...RELAXED_LIMITS, namespace, username: USER, password: next });
  const found = await cache.lookup<string>(keys[0] ?? '');
  expect('rotate/served', 'value and source of a read with the new password', {
    ...equals([valueFor(keys[0] ?? ''), 'redis'], [found.found ? found.value : null, found.source]),
  });
  await retire(cache);
  await operations.rotate('cancel', USER);
  expect('rotate/cancelled', 'replies to logins with the new and the previous password after the end', {
    ...equals([all('WRONGPASS'), all('OK')], [await replies(next), await replies(former)]),
  });
}

async function flush(setting: Setting): Promise<void> {
  const { context, namespace, prefix } = setting;
  const { operations, expect, masterOf, parameters } = context;
  // A namespace that begins with the name of the flushed one, but is not part of it.
  const neighbour = `${namespace}-neighbour:kept`;
  const master = await masterOf(neighbour);
  await master.set(neighbour, encodeEnvelope('kept'), 'EX', parameters.neighbourTtlSeconds);
  const { exitCode } = await operations.kit('cache-clear', '--all', '--yes', '--namespace', namespace);
  expect('flush/command', 'exit code of kit cache-clear', equals(0, exitCode));
  expect('flush/removed', 'keys of the namespace on the masters', {
    ...equals(0, (await rawKeys(context, prefix)).size),
  });
  expect('flush/others-kept', 'a key of another namespace on its master', {
    ...equals(1, await (await masterOf(neighbour)).exists(neighbour)),
  });
}
