/**
 * Durable writes while the master is running but its replicas do not confirm writes: first one replica is paused and
 * the writes require all of them, then all replicas are paused, so that WAIT returns fewer replicas than the write
 * requires. Each acknowledgement is immediately compared with the data on the replicas.
 */
import type { Cache, Durability } from '../../../client/index.ts';
import type { Heal } from '../../../infra/substrates/environment.ts';
import { waitUntil } from '../../wait.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

/**
 * `timeoutMs` of a write while the replicas are paused: shorter than the lag at which a master refuses writes (2 s).
 */
const defaults = { writes: 10, batch: 20, timeoutMs: 5_000, heldTimeoutMs: 300, recoveryBoundMs: 15_000 };

interface Way {
  readonly what: string;
  write(cache: Cache, names: readonly string[], durability: Durability): Promise<readonly Acknowledged[]>;
}

/** Keys of one write and the acknowledgement, if there was one. */
interface Acknowledged {
  readonly names: readonly string[];
  /** Number of replicas in the receipt; null if the write was not acknowledged. */
  readonly replicas: number | null;
}

const receiptOf = (names: readonly string[], write: Promise<{ readonly replicas?: number }>) =>
  write.then(
    ({ replicas = 0 }): Acknowledged => ({ names, replicas }),
    (): Acknowledged => ({ names, replicas: null }),
  );

const WAYS: Readonly<Record<string, Way>> = {
  set: {
    what: 'set',
    write: (cache, names, durability) =>
      Promise.all(names.map((name) => receiptOf([name], cache.set(name, name, { durability })))),
  },
  'set-many': {
    what: 'setMany',
    write: async (cache, names, durability) => [
      await receiptOf(names, cache.setMany(new Map(names.map((name) => [name, name])), { durability })),
    ],
  },
  'set-if-absent': {
    what: 'setIfAbsent',
    write: (cache, names, durability) =>
      Promise.all(
        names.map((name) =>
          // setIfAbsent returns no receipt: a resolved call counts as confirmed by all replicas that its durability
          // requires.
          receiptOf(
            [name],
            cache
              .setIfAbsent(name, name, { durability })
              .then((isStored) =>
                isStored && typeof durability === 'object' ? { replicas: durability.replicas } : {},
              ),
          ),
        ),
      ),
  },
};

export const durableWrites = defineScript({
  name: 'durable-writes',
  defaults,
  async run(context) {
    const { environment, open, parameters, signal } = context;
    const { timeoutMs, heldTimeoutMs, recoveryBoundMs } = parameters;
    const cache = open({ ...RELAXED_LIMITS });
    await cache.ping();
    const replicas = await replicasOf(context);
    await expectConfirmed(context, { cache, replicas, phase: 'before', timeoutMs });

    const heals: Heal[] = [];
    const pauseAll = async (ids: readonly string[]) => {
      for (const id of ids) {
        const heal = await environment.capabilities.pause?.(id);
        if (heal !== undefined) heals.push(heal);
      }
    };
    try {
      await pauseAll(replicas.slice(0, 1));
      await expectUnconfirmed(context, { cache, phase: 'partial', paused: 1, required: replicas.length });
      await pauseAll(replicas.slice(1));
      await expectUnconfirmed(context, { cache, phase: 'held', paused: replicas.length, required: 1 });
    } finally {
      for (const heal of heals) await heal();
    }
    const [first = ''] = namesOf(context, 'recovered', cache);
    const isBack = async () => {
      const durability = { replicas: 1, timeoutMs: heldTimeoutMs };
      return cache.set(first, first, { durability }).then(
        () => true,
        () => false,
      );
    };
    await waitUntil('durable writes after the pause', isBack, { boundMs: recoveryBoundMs, signal }).catch(
      () => signal.throwIfAborted(),
    );
    await expectConfirmed(context, { cache, replicas, phase: 'after', timeoutMs });
  },
});

type Context = ScriptContext & { readonly parameters: typeof defaults };

/**
 * Checks that no write is acknowledged while too few replicas are running. All writes are sent together, because the
 * pause must be shorter than the lag at which the master refuses writes.
 */
async function expectUnconfirmed(
  context: Context,
  {
    cache,
    phase,
    paused,
    required,
  }: {
    readonly cache: Cache;
    readonly phase: string;
    /** Number of paused replicas. */
    readonly paused: number;
    /** Number of replicas that each write requires. */
    readonly required: number;
  },
): Promise<void> {
  const { environment, expect, parameters } = context;
  const seen = (await environment.status()).filter(({ state }) => state === 'paused').length;
  expect(`${phase}/paused`, 'replicas that are paused', equals(paused, seen));
  const durability = { replicas: required, timeoutMs: parameters.heldTimeoutMs };
  const ways = Object.entries(WAYS).map(async ([id, { what, write }]) => {
    const acks = await write(cache, namesOf(context, `${phase}:${id}`, cache), durability);
    const acknowledged = acks.filter((ack) => ack.replicas !== null).length;
    expect(
      `${phase}/${id}`,
      `durable writes by ${what} that were acknowledged with fewer than the required replicas, ${required}`,
      equals(0, acknowledged),
    );
  });
  await Promise.all(ways);
}

/**
 * Checks that every write is acknowledged with a number of replicas, and that at least that many replicas hold the
 * write at that time.
 */
async function expectConfirmed(
  context: Context,
  given: {
    readonly cache: Cache;
    readonly replicas: readonly string[];
    readonly phase: string;
    readonly timeoutMs: number;
  },
): Promise<void> {
  const { cache, replicas, phase, timeoutMs } = given;
  for (const [id, { what, write }] of Object.entries(WAYS)) {
    const names = namesOf(context, `${phase}:${id}`, cache);
    const acks = await write(cache, names, { replicas: 1, timeoutMs });
    const physical = names.map((name) => cache.physicalKey(name));
    const held = await Promise.all(
      replicas.map(async (replica) => (await context.environment.admin(replica)).mgetBuffer(physical)),
    );
    const confirmed = acks.filter((ack) => (ack.replicas ?? 0) >= 1).length;
    const isHeld = (name: string) => held.some((values) => values[names.indexOf(name)] != null);
    const lacking = acks.filter((ack) => ack.replicas !== null && !ack.names.every(isHeld)).length;
    context.expect(`${phase}/${id}`, `durable writes by ${what}: confirmed, acknowledged and on no replica`, {
      ...equals([acks.length, 0], [confirmed, lacking]),
    });
  }
}

async function replicasOf({ environment, masterId }: ScriptContext): Promise<readonly string[]> {
  const master = await masterId();
  return environment.topology.redis.map(({ id }) => id).filter((id) => id !== master);
}

function namesOf({ tag, parameters, remember }: Context, what: string, cache: Cache): readonly string[] {
  const names = Array.from({ length: parameters.writes }, (_, n) => `durable:${tag}:${what}:${n}`);
  remember(...names.map((name) => cache.physicalKey(name)));
  return names;
}
