/** Sets up the tags and the invalidation for one cache. For a memory cache, both work in memory. */

import type { DomainPatterns, Invalidation } from '../api/invalidation.ts';
import { inBatches } from '../cache/batches.ts';
import type { CacheContext, Tags as CacheTags } from '../cache/cache-context.ts';
import type { CoherenceOnDemand } from '../l1/on-demand.ts';
import { compileGlob } from './glob.ts';
import { CacheInvalidation } from './invalidation.ts';
import { deleteAll, deleteMatching, type PatternOptions } from './patterns.ts';
import { ScanDeletion } from './scan-deletion.ts';
import { LocalTags } from './tags/local.ts';
import { Tags } from './tags/tags.ts';

export type InvalidationNeeds = Pick<CacheContext, 'remote' | 'connection' | 'fallback' | 'singleFlight'> & {
  readonly options: Pick<CacheContext['options'], 'namespace' | 'fallbackEntries'>;
  readonly coherence: CoherenceOnDemand | undefined;
  /** Deletes logical keys, like `cache.delete`. */
  readonly deleteKeys: (keys: readonly string[]) => Promise<number>;
  readonly domains?: DomainPatterns | undefined;
};

export interface Composed {
  readonly tags: CacheTags;
  readonly invalidation: Invalidation;
  readonly clearRemote: () => Promise<number>;
}

export function composeInvalidation(needs: InvalidationNeeds): Composed {
  const { remote, connection, coherence, fallback, options, deleteKeys, domains } = needs;
  const prefix = `${options.namespace}:`;
  const versions =
    remote && connection
      ? new Tags({
          prefix,
          journal: fallback.journal,
          coherence: coherence && (() => coherence.open()),
          slotOf: connection.slotOf,
          send: (command, args) => {
            const operation = command === 'UNLINK' ? 'invalidateTags' : 'get';
            // A read has an alternative and fails fast; an invalidation waits for a master.
            const failFast = operation === 'get' && options.fallbackEntries > 0;
            return remote.guarded(operation, () => connection.request(command, args, { failFast }));
          },
        })
      : new LocalTags();
  const invalidate = (names: readonly string[]): Promise<'applied' | 'pending'> =>
    invalidateTags(names, (batch) => {
      needs.singleFlight.invalidateTagged(batch);
      return versions.invalidate(batch);
    });
  const invalidation = new CacheInvalidation({
    domains,
    deleteKeys: async (keys) => {
      const deleted = await deleteKeys(keys);
      return { deleted, pending: keys.some((key) => fallback.isDirty(prefix + key)) };
    },
    invalidateTags: invalidate,
    deleteMatching: async (pattern) => {
      const glob = compileGlob(pattern);
      const matches = (key: string): boolean => glob.matches(key.slice(prefix.length));
      needs.singleFlight.invalidateWhere(matches);
      const kept = fallback.memory.deleteWhere(matches);
      if (!remote || !connection) return kept;
      const scan = scanOf(needs, connection, 'invalidation.pattern');
      let pending = false;
      const failed = (keys: readonly string[]): void => {
        pending = true;
        scan.failed(keys);
      };
      const { deleted } = await deleteMatching(pattern, { ...scan, failed });
      return { deleted, pending };
    },
  });
  const tags: CacheTags = {
    stamps: (names) => versions.stamps(names),
    stampsKnown: (names) => versions.stampsKnown(names),
    stampsHere: (names) => versions.stampsHere(names),
    current: (stamps, ofRedis) => versions.current(stamps, ofRedis),
    invalidate,
    namesOf: (key, names) => invalidation.tagsOf(key, names),
    changed: (keys) => invalidation.changed(keys),
  };
  const clearRemote = async (): Promise<number> =>
    connection ? (await deleteAll(scanOf(needs, connection, 'clear'))).deleted : 0;
  return { tags, invalidation, clearRemote };
}

async function invalidateTags(
  names: readonly string[],
  invalidate: (batch: readonly string[]) => Promise<'applied' | 'pending'>,
): Promise<'applied' | 'pending'> {
  let outcome: 'applied' | 'pending' = 'applied';
  await inBatches(names, invalidate, (result) => {
    if (result === 'pending') outcome = result;
  });
  return outcome;
}

function scanOf(
  { remote, fallback, coherence, options }: InvalidationNeeds,
  connection: NonNullable<InvalidationNeeds['connection']>,
  operation: string,
): PatternOptions {
  const deletion = new ScanDeletion(fallback.journal.order);
  return {
    namespace: options.namespace,
    connection,
    slotOf: connection.slotOf,
    send: (command, args) => {
      const buffers = command === 'SCAN';
      const run = (): Promise<unknown> => connection.request(command, args, { buffers });
      const sent = remote ? remote.guarded(operation, run) : run();
      // A key that is a Buffer was not written by this cache.
      return command === 'UNLINK' && typeof args[0] === 'string'
        ? deletion.follow(args as readonly string[], sent)
        : sent;
    },
    deleted: (keys) => {
      fallback.journal.acknowledged(keys, deletion.place);
      deletion.end();
      coherence?.opened?.forget(keys);
    },
    failed: (keys) => {
      coherence?.opened?.forget(keys);
      try {
        fallback.journal.failed(keys, deletion.place);
      } finally {
        deletion.end();
      }
    },
  };
}
