/** Selections for `kit cache-clear`: counts the entries that a selection affects, and deletes them. */
import { describeEnvelope, ENVELOPE_HEADER_MAX, tagIdOf, tagVersionKey } from '../../client/envelope.ts';
import type { Cache } from '../../client/index.ts';
import type { CloseReport } from '../../client/types.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import { type CacheData, ownerOf } from './cache-data.ts';
import { countText } from './figures.ts';
import { askEach, type SampledKey, scanKeys } from './key-sample.ts';

export type Selection =
  | { readonly by: 'namespace' }
  | { readonly by: 'tags'; readonly tags: readonly string[] }
  | { readonly by: 'pattern'; readonly pattern: string };

export interface Affected {
  readonly found: number;
  /** Number of internal client keys, which are not entries. */
  readonly internal: number;
}

export interface CountOptions {
  readonly signal: AbortSignal;
  /** Called after each page with the number of keys read so far. */
  readonly progress: (keys: number) => void;
}

export function selectionText(selection: Selection, namespace: string): string {
  switch (selection.by) {
    case 'namespace':
      return `namespace ${namespace}`;
    case 'tags':
      return `tag ${selection.tags.join(', ')} of namespace ${namespace}`;
    case 'pattern':
      return `keys ${namespace}:${selection.pattern}`;
  }
}

/**
 * Counts the matching keys of the namespace with SCAN, page by page. For tags, also reads the header of each entry.
 */
export async function countAffected(
  data: CacheData,
  selection: Selection,
  { signal, progress }: CountOptions,
): Promise<Affected> {
  const prefix = `${data.settings.namespace}:`;
  const masters = await data.masters();
  const current = selection.by === 'tags' ? await currentVersions(data, selection.tags) : undefined;
  // A tag without a version has no valid entries.
  if (current?.size === 0) return { found: 0, internal: 0 };
  const match = `${escapeGlob(prefix)}${selection.by === 'pattern' ? selection.pattern : '*'}`;
  let [read, found, internal] = [0, 0, 0];
  for (const master of masters) {
    for await (const page of scanKeys(master.redis, { match, signal })) {
      const isInternal = (key: Buffer) => key[Buffer.byteLength(prefix)] === INTERNAL;
      const entries = page.filter((key) => !isInternal(key));
      internal += page.length - entries.length;
      found +=
        current === undefined
          ? entries.length
          : await countTagged(
              entries.map((key) => ({ master, key, weight: 1 })),
              current,
              signal,
            );
      read += page.length;
      progress(read);
    }
  }
  return { found, internal: selection.by === 'namespace' ? internal : 0 };
}

/**
 * Deletes the selected entries through the client, which maintains the tag keys, and keeps deletions and writes in
 * order.
 *
 * @returns the number of deleted entries; null for tags
 * @throws KitError `CLEAR_INCOMPLETE`; CacheError
 */
export async function clearSelected(
  data: CacheData,
  selection: Selection,
  signal: AbortSignal,
): Promise<number | null> {
  const cache = data.openCache();
  const stop = () => void cache.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const deleted = await deleteSelected(cache, selection);
    // A deletion that Redis did not receive is pending only in this process, and is lost when the process ends.
    requireReceived(data.name, await cache.close());
    return deleted;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await cache.close();
  }
}

async function deleteSelected(cache: Cache, selection: Selection): Promise<number | null> {
  switch (selection.by) {
    case 'namespace':
      return cache.clear();
    case 'pattern':
      return (await cache.invalidation.pattern(selection.pattern)).deleted;
    case 'tags':
      await cache.invalidateTags(selection.tags);
      return null;
  }
}

function requireReceived(name: string, { lost }: CloseReport): void {
  if (lost.length === 0) return;
  throw new KitError(`Redis did not receive the deletion of ${countText(lost.length)} keys`, {
    code: 'CLEAR_INCOMPLETE',
    exitCode: EXIT.UNKNOWN,
    where: name,
    hint: 'run the command again when kit status shows a master',
  });
}

/** The character `~`, with which internal client keys begin. */
const INTERNAL = 0x7e;

async function countTagged(
  entries: readonly SampledKey[],
  current: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const heads = await askEach(entries, (key) => ['GETRANGE', key, 0, ENVELOPE_HEADER_MAX - 1], signal);
  return heads.filter((head) => {
    const tags = Buffer.isBuffer(head) ? (describeEnvelope(head)?.tags ?? []) : [];
    return tags.some(({ id, version }) => current.get(id) === version);
  }).length;
}

/** Returns the current versions of the tags that have one, by id. */
async function currentVersions(
  data: CacheData,
  tags: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const masters = await data.masters();
  const found = new Map<string, string>();
  for (const tag of tags) {
    const id = tagIdOf(tag);
    const key = tagVersionKey(data.settings.namespace, id);
    const version = await ownerOf(masters, key)?.redis.call('GET', key);
    if (typeof version === 'string') found.set(id, version);
  }
  return found;
}

/** Escapes the glob characters that Redis uses. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}
