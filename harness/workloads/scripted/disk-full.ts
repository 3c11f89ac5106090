/**
 * The disk of the master's append-only file is full (the fault `fill-disk`): Redis refuses writes with MISCONF and
 * serves reads. Loads return their values, and a call that needs a write gets the Redis reply as its error. Redis
 * replies to PING with MISCONF, too: sentinels promote a replica after down-after, so all calls are sent immediately
 * after the injection.
 */
import type { Cache } from '../../../client/index.ts';
import { parseInfo } from '../../../infra/redis/info.ts';
import { waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { defineScript, equals, errorOf, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = { keys: 10, recoveryBoundMs: 20_000 };

type Context = ScriptContext<Resolved<typeof defaults>>;

export const diskFull = defineScript({
  name: 'disk-full',
  defaults,
  async run(context) {
    const { open, inject, remember, caughtUp, tag, parameters } = context;
    const cache = open(RELAXED_LIMITS);
    const namesOf = (what: string) =>
      Array.from({ length: parameters.keys }, (_, n) => {
        const name = `disk:${tag}:${what}:${n}`;
        remember(cache.physicalKey(name));
        return name;
      });
    const refused = new Set<string>();
    cache.on((event) => {
      if (event.type === 'refused') refused.add(event.code);
    });
    await cache.ping();
    const planted = namesOf('planted');
    await cache.setMany(new Map(planted.map((name) => [name, name])));
    await caughtUp();
    const heal = await inject('fill-disk');
    const counters = namesOf('counter').map((name) => cache.physicalKey(name));
    await expectRefusals(context, cache, { planted, counters, loads: namesOf('load'), refused });
    await heal();
    await expectHealed(context, cache, { planted, counters, after: namesOf('after') });
  },
});

async function expectRefusals(
  { expect }: Context,
  cache: Cache,
  given: {
    readonly planted: readonly string[];
    readonly counters: readonly string[];
    readonly loads: readonly string[];
    readonly refused: ReadonlySet<string>;
  },
): Promise<void> {
  const [errors, loads, reads] = await Promise.all([
    Promise.all(given.counters.map((key) => errorOf(async () => cache.connection?.call('INCR', key)))),
    Promise.all(
      given.loads.map((name) =>
        cache
          .getOrCompute(name, () => name)
          .then(
            (value) => value === name,
            () => false,
          ),
      ),
    ),
    Promise.all(given.planted.map((name) => cache.lookup(name))),
  ]);
  expect('full/errors', 'codes of writes', equals(['MISCONF'], [...new Set(errors)]));
  expect('full/loads', 'loads that threw or returned another value', {
    ...equals(0, loads.filter((isRight) => !isRight).length),
  });
  const served = reads.filter(
    (read, n) => read.found && read.source === 'redis' && read.value === given.planted[n],
  );
  expect('full/reads', 'reads that Redis served', equals(given.planted.length, served.length));
  expect('full/event', 'codes of the event `refused`', equals(['MISCONF'], [...given.refused]));
  expect(
    'full/breaker',
    'an error reply is not a connection failure',
    equals('closed', cache.stats().breaker.kind),
  );
}

async function expectHealed(
  { expect, masterOf, masters, parameters, signal }: Context,
  cache: Cache,
  given: {
    readonly planted: readonly string[];
    readonly counters: readonly string[];
    readonly after: readonly string[];
  },
): Promise<void> {
  const wait = { boundMs: parameters.recoveryBoundMs, signal };
  const isStored = async () => {
    const receipt = await cache.setMany(new Map(given.after.map((name) => [name, name])));
    return receipt.source === 'redis';
  };
  const stored = await waitUntil('Redis to accept writes again', isStored, wait).catch(() => false);
  expect('healed/stored', 'Redis accepts writes again, without a restart', equals(true, stored));
  const held = async (key: string) => (await masterOf(key)).exists(key);
  const sum = async (keys: readonly string[]) =>
    (await Promise.all(keys.map(held))).reduce((total, each) => total + each, 0);
  const kept = await sum(given.planted.map((name) => cache.physicalKey(name)));
  expect('healed/kept', 'earlier values that the master has', equals(given.planted.length, kept));
  expect('healed/refused', 'refused increments that were applied', equals(0, await sum(given.counters)));
  const isWritten = async () => {
    const infos = await Promise.all(
      (await masters()).map(async (redis) => parseInfo(await redis.info('persistence'))),
    );
    return infos.every(
      (info) => info.aof_last_write_status === 'ok' && info.aof_last_bgrewrite_status === 'ok',
    );
  };
  const written = await waitUntil('the append-only file to be written', isWritten, wait).catch(() => false);
  expect('healed/file', 'the append-only file is written again', equals(true, written));
}
