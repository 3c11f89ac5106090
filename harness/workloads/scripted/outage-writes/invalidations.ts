/**
 * Invalidations while Redis is unreachable, through each call: each takes effect in Redis after the outage, so that
 * another cache no longer finds the entries. An invalidation by pattern has to query Redis for the keys, so it ends
 * after the outage; the others end at once, as pending.
 */
import type { Cache } from '../../../../client/index.ts';
import type { InvalidationReceipt } from '../../../../client/types.ts';
import { prefixOf, rawKeys } from '../../raw-keys.ts';
import { equals, type MasterProxy, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

type Context = ScriptContext & {
  readonly parameters: {
    readonly keys: number;
    readonly commandTimeoutMs: number;
    readonly recoveryBoundMs: number;
  };
};

interface Way {
  readonly what: string;
  readonly outcome: InvalidationReceipt['outcome'];
  invalidate(cache: Cache, names: readonly string[]): Promise<InvalidationReceipt>;
}

const TAG = 'outage';

const WAYS: Readonly<Record<string, Way>> = {
  tags: {
    what: 'an invalidation by tag',
    outcome: 'pending',
    invalidate: (cache) => cache.invalidateTags(TAG),
  },
  domain: {
    what: 'an invalidation by domain',
    outcome: 'pending',
    invalidate: (cache) => cache.invalidation.domain('domain'),
  },
  keys: {
    what: 'an invalidation by key',
    outcome: 'pending',
    invalidate: (cache, names) => cache.invalidation.invalidate({ keys: names }),
  },
  pattern: {
    what: 'an invalidation by pattern',
    outcome: 'applied',
    invalidate: (cache) => cache.invalidation.pattern('pattern:*'),
  },
};

/** Invalidations that were requested during the outage. */
export interface Requested {
  /** Resolves once all of them have ended, except those that need Redis. */
  readonly isPending: Promise<unknown>;
  /** Checks their effect; must be called after the outage. */
  expectReplayed(): Promise<void>;
}

/** Stores entries in a separate namespace; the returned function, called during the outage, invalidates them. */
export async function prepareInvalidations(context: Context, proxy: MasterProxy): Promise<() => Requested> {
  const { open, parameters, spec, tag } = context;
  const namespace = `${spec.settings.namespace}:invalidated-${tag}`;
  const { commandTimeoutMs } = parameters;
  const cache = open({ commandTimeoutMs, namespace, domains: { domain: ['domain:*'] } }, proxy);
  const other = open({ ...RELAXED_LIMITS, namespace });
  await cache.ping();
  for (const id of Object.keys(WAYS)) {
    const entries = new Map(namesOf(context, id).map((name) => [name, 'old']));
    await cache.setMany(entries, id === 'tags' ? { tags: [TAG] } : {});
  }
  // The other cache reads the tags' versions before they are invalidated.
  for (const id of Object.keys(WAYS)) await other.getMany(namesOf(context, id));
  context.remember(...(await rawKeys(context, prefixOf(cache))).keys());
  return () => {
    const receipts = Object.entries(WAYS).map(([id, way]) => ({
      ...{ id, way },
      receipt: way.invalidate(cache, namesOf(context, id)).then(
        ({ outcome }) => outcome,
        (error: unknown) => String(error),
      ),
    }));
    const pending = receipts.filter(({ way }) => way.outcome === 'pending');
    return {
      isPending: Promise.all(pending.map(({ receipt }) => receipt)),
      expectReplayed: async () => {
        for (const { id, way, receipt } of receipts)
          await expectInvalidated(context, other, { id, way, outcome: await receipt });
      },
    };
  };
}

/** Waits until another cache finds none of the entries; the journal replays invalidations in the background. */
async function expectInvalidated(
  context: Context,
  other: Cache,
  { id, way, outcome }: { readonly id: string; readonly way: Way; readonly outcome: string },
): Promise<void> {
  const { parameters, awaitCondition, expect } = context;
  let found = parameters.keys;
  const isMissed = async () => {
    found = (await other.getMany(namesOf(context, id))).size;
    return found === 0;
  };
  await awaitCondition(`${way.what} to be replayed`, isMissed, parameters.recoveryBoundMs);
  expect(
    `outage/invalidated-${id}`,
    `${way.what} during the outage: its outcome, and entries that another cache finds afterwards`,
    equals([way.outcome, 0], [outcome, found]),
  );
}

function namesOf({ parameters }: Context, id: string): readonly string[] {
  return Array.from({ length: parameters.keys }, (_, n) => `${id}:${n}`);
}
