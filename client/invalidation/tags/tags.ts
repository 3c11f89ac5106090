import { CommandError, isConnectivityError } from '../../api/errors.ts';
import type { TagStamp } from '../../codec/envelope.ts';
import { SetOrGet } from '../../functions/set-or-get.ts';
import type { Coherence } from '../../l1/coherence.ts';
import type { Argument } from '../../transport/commands.ts';
import type { Journal } from '../journal.ts';
import { bySlot, type SlotOf } from '../slots.ts';
import { isVersion, newVersion, tagId, tagKey } from './id.ts';
import { LocalTags } from './local.ts';

/**
 * TTL of versions: 30 days. The versions of unused tags expire in Redis, and a tag in use rarely needs a new version.
 */
const TTL_SECONDS = 2_592_000;
const KNOWN_MAX = 100_000;

export interface TagOptions {
  /** Prefix of the physical keys: `ns:`. */
  readonly prefix: string;
  /** Sends one command to the master. */
  readonly send: (command: string, args: readonly Argument[]) => Promise<unknown>;
  readonly slotOf?: SlotOf;
  /**
   * Opens the listener for `prefix`; called when a tag is first used. If absent, every use of a tag reads its version
   * from Redis.
   */
  readonly coherence?: (() => Coherence) | undefined;
  /** Journal for invalidations that do not reach Redis, or may be lost in a failover. */
  readonly journal: Journal;
  /** TTL of a version, in seconds. It must be longer than the TTL of any entry. Default: 30 days. */
  readonly ttlSeconds?: number;
  /** Maximum number of versions in this process; default 100000. */
  readonly knownMax?: number;
}

/** MGET that collects keys until the end of the tick. */
interface Lookup {
  readonly ids: Set<string>;
  readonly versions: Promise<ReadonlyMap<string, string | undefined>>;
}

export class Tags {
  readonly #options: TagOptions;
  readonly #knownMax: number;
  readonly #setOrGet: SetOrGet;
  /** Versions by id; undefined if known to be missing. Used only while coherence is live. */
  readonly #known = new Map<string, string | undefined>();
  readonly #creating = new Map<string, Promise<string>>();
  /** Versions for entries in memory while Redis is unreachable. They are invalid once Redis replies. */
  readonly #away = new LocalTags();
  #lookup: Lookup | undefined;
  #coherence: Coherence | undefined;

  constructor(options: TagOptions) {
    this.#options = options;
    this.#knownMax = options.knownMax ?? KNOWN_MAX;
    this.#setOrGet = new SetOrGet((command, args) => this.#send(command, args));
  }

  /** Returns the physical keys of the tags' versions, to be deleted together with other keys. */
  keysOf(tags: readonly string[]): readonly string[] {
    return [...new Set(tags)].map((tag) => tagKey(this.#options.prefix, tagId(tag)));
  }

  /** Like `stamps`, without waiting; undefined unless this process knows every version. */
  stampsKnown(tags: readonly string[]): readonly TagStamp[] | undefined {
    if (this.#listening()?.live !== true) return undefined;
    const stamps: TagStamp[] = [];
    for (const tag of new Set(tags)) {
      const id = tagId(tag);
      const version = this.#known.get(id);
      if (version === undefined) return undefined;
      stamps.push({ id, version });
    }
    return stamps;
  }

  /** Returns the versions to store with a value. They must be read before the value is loaded. */
  async stamps(tags: readonly string[]): Promise<readonly TagStamp[]> {
    try {
      return this.stampsKnown(tags) ?? (await this.#stampsOfRedis(tags));
    } catch (error) {
      // The entry will be kept only in memory, because these versions are not valid in Redis.
      if (isConnectivityError(error)) return this.#away.stamps(tags);
      throw error;
    }
  }

  /** Like `stamps`, without waiting for Redis. */
  async stampsHere(tags: readonly string[]): Promise<readonly TagStamp[]> {
    return this.stampsKnown(tags) ?? this.#away.stamps(tags);
  }

  async #stampsOfRedis(tags: readonly string[]): Promise<readonly TagStamp[]> {
    const ids = [...new Set(tags)].map(tagId);
    const live = this.#listening()?.live === true;
    const unknown = live ? ids.filter((id) => !this.#known.has(id)) : ids;
    // A single version needs no read first, because its creation returns an existing version.
    const found = unknown.length > 1 ? await this.#ask(unknown) : undefined;
    return Promise.all(
      ids.map(async (id) => ({
        id,
        version: found?.get(id) ?? (live ? this.#known.get(id) : undefined) ?? (await this.#create(id)),
      })),
    );
  }

  /**
   * Whether an entry with these stamps is valid; a promise if Redis must be queried. `ofRedis`: the entry is or was in
   * Redis. Versions that only this process has do not validate such an entry, because another process could not
   * invalidate them.
   */
  current(stamps: readonly TagStamp[], ofRedis = false): boolean | Promise<boolean> {
    const { journal, prefix } = this.#options;
    const live = this.#listening()?.live === true;
    let unknown: string[] | undefined;
    for (const stamp of stamps) {
      const { id, version } = stamp;
      if (!ofRedis && this.#away.size > 0 && this.#away.holds(stamp)) continue;
      if (journal.pending > 0 && journal.isPending(tagKey(prefix, id))) return false;
      if (live && this.#known.has(id)) {
        if (this.#known.get(id) !== version) return false;
      } else {
        unknown ??= [];
        unknown.push(id);
      }
    }
    if (!unknown) return true;
    const { ends } = journal;
    return this.#ask(unknown).then((found) =>
      stamps.every(
        ({ id, version }) =>
          !found.has(id) || (found.get(id) === version && !journal.wasPending(tagKey(prefix, id), ends)),
      ),
    );
  }

  /**
   * Invalidates all entries with one of the tags. `pending`: Redis could not be reached; the invalidation takes effect
   * in this process immediately, and in all processes once the journal has replayed it.
   *
   * @throws NotSentError if Redis is unreachable and too many invalidations are pending
   */
  async invalidate(tags: readonly string[]): Promise<'applied' | 'pending'> {
    const { slotOf } = this.#options;
    void this.#away.invalidate(tags);
    const groups = bySlot(this.keysOf(tags), (key) => key, slotOf);
    const results = await Promise.all(
      groups.map(async (keys) => {
        try {
          await this.#send('UNLINK', keys);
          this.invalidated(keys);
          return true;
        } catch (error) {
          if (!isConnectivityError(error)) throw error;
          this.failed(keys);
          return false;
        }
      }),
    );
    return results.every(Boolean) ? 'applied' : 'pending';
  }

  /** Records that this process has deleted the keys of the versions, alone or together with other keys. */
  invalidated(keys: readonly string[]): void {
    this.#options.journal.acknowledged(keys);
    this.#forget(keys);
  }

  /** Like `invalidated`, after a failed deletion. @throws NotSentError if too many deletions are pending */
  failed(keys: readonly string[]): void {
    this.#forget(keys);
    this.#options.journal.failed(keys);
  }

  async #send(command: string, args: readonly Argument[]): Promise<unknown> {
    const reply = await this.#options.send(command, args);
    if (this.#away.size > 0) this.#away.clear();
    return reply;
  }

  #forget(keys: readonly string[]): void {
    this.#coherence?.forget(keys);
  }

  /**
   * Returns the listener. It is opened when a tag is first used, so that a cache without tags needs no additional
   * connection.
   */
  #listening(): Coherence | undefined {
    if (this.#coherence || !this.#options.coherence) return this.#coherence;
    const tags = tagKey(this.#options.prefix, '');
    const coherence = this.#options.coherence();
    this.#coherence = coherence;
    coherence.on((event) => {
      if (event.type === 'reset') this.#known.clear();
      if (event.type !== 'invalidate') return;
      for (const key of event.keys) if (key.startsWith(tags)) this.#known.delete(key.slice(tags.length));
    });
    return coherence;
  }

  /** Reads the current versions at the end of this tick. Never uses the reply to an earlier read. */
  #ask(ids: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    if (!this.#lookup) {
      const collected = new Set<string>();
      const versions = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => {
        this.#lookup = undefined;
        return this.#fetch([...collected]);
      });
      this.#lookup = { ids: collected, versions };
    }
    for (const id of ids) this.#lookup.ids.add(id);
    return this.#lookup.versions;
  }

  async #fetch(ids: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const { prefix, slotOf } = this.#options;
    const found = new Map<string, string | undefined>();
    await Promise.all(
      bySlot(ids, (id) => tagKey(prefix, id), slotOf).map((group) =>
        this.#learning(group, async () => {
          const keys = group.map((id) => tagKey(prefix, id));
          const replies = (await this.#send('MGET', keys)) as (string | null)[];
          const versions = replies.map((reply) => (isVersion(reply) ? reply : undefined));
          for (const [i, id] of group.entries()) found.set(id, versions[i]);
          return versions;
        }),
      ),
    );
    return found;
  }

  /**
   * Creates a version. Concurrent callers share one creation, which is safe: at worst, a caller gets a version that has
   * been invalidated in the meantime, and its entry is a miss.
   */
  #create(id: string): Promise<string> {
    const running = this.#creating.get(id);
    if (running) return running;
    const created = this.#learning([id], async () => [await this.#createAlone(id)])
      .then(([version]) => version as string)
      .finally(() => this.#creating.delete(id));
    this.#creating.set(id, created);
    return created;
  }

  async #createAlone(id: string): Promise<string> {
    const { prefix, ttlSeconds = TTL_SECONDS } = this.#options;
    const [key, fresh, expiry] = [tagKey(prefix, id), newVersion(), ['EX', ttlSeconds]];
    try {
      const former = await this.#setOrGet.run(key, fresh, expiry);
      if (former === null) return fresh;
      if (isVersion(former)) return former;
    } catch (error) {
      if (!isForeign(error)) throw error;
    }
    // Another program wrote a value under this key, or the key was deleted between the two commands. In both cases a
    // new version is written.
    await this.#send('SET', [key, fresh, ...expiry]);
    return fresh;
  }

  /** Keeps the versions that were read, unless they were invalidated in the meantime. */
  async #learning(
    ids: readonly string[],
    read: () => Promise<readonly (string | undefined)[]>,
  ): Promise<readonly (string | undefined)[]> {
    const { prefix } = this.#options;
    const coherence = this.#coherence;
    if (!coherence) return read();
    const fills = ids.map((id) => coherence.begin(tagKey(prefix, id)));
    let versions: readonly (string | undefined)[] | undefined;
    try {
      versions = await read();
      return versions;
    } finally {
      for (const [i, fill] of fills.entries()) {
        if (fill.end() && versions) this.#learn(ids[i] as string, versions[i]);
      }
    }
  }

  #learn(id: string, version: string | undefined): void {
    this.#known.delete(id);
    this.#known.set(id, version);
    if (this.#known.size <= this.#knownMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

const isForeign = (error: unknown): boolean => error instanceof CommandError && error.code === 'WRONGTYPE';
