/**
 * Distinct strings, stored as bytes outside the JavaScript heap. Each has a number: equal strings have equal numbers,
 * so that checkers can count and compare keys and values without reading the strings. A string of 20 characters takes
 * about 35 bytes; in a `Map` it takes about 130.
 *
 *   bytes: [prefix][size, 0-253][Latin-1]   [prefix][254][size, 4 bytes][Latin-1]   [0][255][size, 4 bytes][UTF-16]
 *   slots: hash of the text ─▶ number of the text ─▶ address of its bytes
 */
import type { TextIndex } from '../events.ts';
import { NumberColumn } from './numbers.ts';

/** Numbers lower than that of the first string, reserved for an absent value and for null. */
export const ABSENT = 0;
const NULL = 1;
const FIRST = 2;

const CHUNK_BYTES = 1 << 20;
const FIRST_CHUNK_BYTES = 1 << 12;
const FIRST_SLOTS = 1 << 8;
/** Share of used slots above which the table grows. */
const MAX_USED = 0.7;
const LONG = 254;
const WIDE = 255;
const SHORT_HEADER = 2;
const LONG_HEADER = 6;
/** Maximum number of prefixes: their numbers are one byte. */
const MAX_PREFIXES = 256;
const MAX_LATIN1 = 0xff;

export class TextStore implements TextIndex {
  readonly #chunks: Buffer[] = [];
  /** Chunk and position of each string, as `chunk * CHUNK_BYTES + position`. */
  readonly #addresses = new NumberColumn();
  #slots = new Int32Array(FIRST_SLOTS);
  /** Used bytes of the last chunk. */
  #used = 0;
  /** Prefixes of strings, up to the last colon; the keys of a workload share a prefix. The first prefix is empty. */
  readonly #prefixes: string[] = [''];
  /** Random, so that crafted strings cannot share a slot. No result depends on it. */
  readonly #seed = Math.floor(Math.random() * 2 ** 31);

  readonly nullNumber = NULL;

  get size(): number {
    return FIRST + this.#addresses.length;
  }

  /** Returns the number of a string; adds the string if it is new. */
  add(text: string): number {
    const slot = this.#slotOf(text);
    const found = this.#slots[slot] as number;
    if (found !== 0) return found;
    const number = this.size;
    this.#addresses.push(this.#write(text));
    this.#slots[slot] = number;
    if (this.size > this.#slots.length * MAX_USED) this.#grow();
    return number;
  }

  /** Returns the number of a value that may be null or absent. */
  addOptional(text: string | null | undefined): number {
    return text === undefined ? ABSENT : text === null ? NULL : this.add(text);
  }

  numberOf(text: string): number | undefined {
    const found = this.#slots[this.#slotOf(text)] as number;
    return found === 0 ? undefined : found;
  }

  /** Returns the string with the given number; null and undefined for `NULL` and `ABSENT`. */
  textOf(number: number): string | null | undefined {
    if (number < FIRST) return number === NULL ? null : undefined;
    const address = this.#addresses.at(number - FIRST);
    const chunk = this.#chunkAt(address);
    const at = address % CHUNK_BYTES;
    const prefix = this.#prefixes[chunk[at] as number] as string;
    const head = chunk[at + 1] as number;
    if (head < LONG) return prefix + chunk.toString('latin1', at + SHORT_HEADER, at + SHORT_HEADER + head);
    const end = at + LONG_HEADER + chunk.readUInt32LE(at + 2);
    return prefix + chunk.toString(head === LONG ? 'latin1' : 'utf16le', at + LONG_HEADER, end);
  }

  /** Returns the slot that holds the string, or the free slot in which to store it. */
  #slotOf(text: string): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(text) & mask;
    for (;;) {
      const number = this.#slots[slot] as number;
      if (number === 0 || this.#isText(number, text)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #hash(text: string): number {
    let hash = this.#seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return hash ^ (hash >>> 13);
  }

  #isText(number: number, text: string): boolean {
    const address = this.#addresses.at(number - FIRST);
    const chunk = this.#chunkAt(address);
    const at = address % CHUNK_BYTES;
    const head = chunk[at + 1] as number;
    if (head >= LONG) return this.textOf(number) === text;
    const prefix = this.#prefixes[chunk[at] as number] as string;
    const from = prefix.length;
    if (from + head !== text.length) return false;
    // Compares from the end, where strings usually differ.
    for (let i = head - 1; i >= 0; i--)
      if (chunk[at + SHORT_HEADER + i] !== text.charCodeAt(from + i)) return false;
    return text.startsWith(prefix);
  }

  #chunkAt(address: number): Buffer {
    return this.#chunks[Math.floor(address / CHUNK_BYTES)] as Buffer;
  }

  #write(text: string): number {
    const isWide = !isLatin1(text);
    const prefix = isWide ? 0 : this.#prefixOf(text);
    const own = text.slice(this.#prefixes[prefix]?.length);
    const bytes = isWide ? 2 * own.length : own.length;
    const head = isWide ? WIDE : bytes < LONG ? bytes : LONG;
    const size = bytes + (head < LONG ? SHORT_HEADER : LONG_HEADER);
    const chunk = this.#chunkFor(size);
    const at = this.#used;
    chunk[at] = prefix;
    chunk[at + 1] = head;
    if (head >= LONG) chunk.writeUInt32LE(bytes, at + 2);
    chunk.write(own, at + size - bytes, isWide ? 'utf16le' : 'latin1');
    this.#used += size;
    return (this.#chunks.length - 1) * CHUNK_BYTES + at;
  }

  /** Returns the number of the string's prefix; 0 if it has none, or if there are too many. */
  #prefixOf(text: string): number {
    const end = text.lastIndexOf(':') + 1;
    if (end === 0) return 0;
    const prefix = text.slice(0, end);
    const known = this.#prefixes.indexOf(prefix);
    if (known !== -1) return known;
    return this.#prefixes.length < MAX_PREFIXES ? this.#prefixes.push(prefix) - 1 : 0;
  }

  /**
   * Returns the last chunk if it has room, otherwise a new one. The first chunks are small, because most histories are
   * small.
   */
  #chunkFor(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#used + bytes <= last.length) return last;
    const usual = last === undefined ? FIRST_CHUNK_BYTES : Math.min(CHUNK_BYTES, last.length * 4);
    const chunk = Buffer.allocUnsafeSlow(Math.max(bytes, usual));
    this.#chunks.push(chunk);
    this.#used = 0;
    return chunk;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let number = FIRST; number < this.size; number++)
      this.#slots[this.#slotOf(this.textOf(number) as string)] = number;
  }
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > MAX_LATIN1) return false;
  return true;
}
