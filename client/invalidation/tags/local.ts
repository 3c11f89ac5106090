/**
 * Tags of entries that exist only in this process: entries of memory caches, and fallback entries while Redis is
 * unreachable.
 */
import type { TagStamp } from '../../codec/envelope.ts';
import { newVersion, tagId } from './id.ts';

const MAX = 100_000;

export class LocalTags {
  readonly #versions = new Map<string, string>();
  readonly #max: number;

  constructor(max = MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#versions.size;
  }

  async stamps(tags: readonly string[]): Promise<readonly TagStamp[]> {
    return this.stampsKnown(tags);
  }

  stampsKnown(tags: readonly string[]): readonly TagStamp[] {
    return [...new Set(tags)].map((tag) => {
      const id = tagId(tag);
      return { id, version: this.#versions.get(id) ?? this.#create(id) };
    });
  }

  stampsHere(tags: readonly string[]): Promise<readonly TagStamp[]> {
    return this.stamps(tags);
  }

  current(stamps: readonly TagStamp[], _ofRedis?: boolean): boolean {
    return stamps.every((stamp) => this.holds(stamp));
  }

  holds({ id, version }: TagStamp): boolean {
    return this.#versions.get(id) === version;
  }

  async invalidate(tags: readonly string[]): Promise<'applied'> {
    for (const tag of tags) this.#versions.delete(tagId(tag));
    return 'applied';
  }

  clear(): void {
    this.#versions.clear();
  }

  /** Creates a version. If there are too many tags, entries with the oldest tag become misses. */
  #create(id: string): string {
    const version = newVersion();
    this.#versions.set(id, version);
    const [oldest] = this.#versions.size > this.#max ? this.#versions.keys() : [];
    if (oldest !== undefined) this.#versions.delete(oldest);
    return version;
  }
}
