/**
 * Parses replies to the commands of `wire.ts`: simple strings, integers, bulk strings, and lists of these, with the same results as
 * the decoder of ioredis in a third of its time (ioredis keeps each of its fields in a WeakMap). Everything else (errors, pushes,
 * nested replies, replies to commands that ioredis sent) is passed on to the parser of ioredis, byte by byte.
 *
 * Both parsers alternate at the boundaries of replies, so this one also tracks the boundaries of the other's replies. They share the
 * command queue of ioredis: the command at its head decides which one reads.
 */
import type { Redis } from 'ioredis';
import { WireCommand } from './wire.ts';

const [CR, PLUS, MINUS, COLON, DOLLAR, STAR, NULL] = [0x0d, 0x2b, 0x2d, 0x3a, 0x24, 0x2a, 0x5f];
/** RESP3: a line is all of it; its length follows, then so many bytes; so many replies follow, or twice as many. */
const BULKS = new Set([DOLLAR, 0x21, 0x3d]);
const LISTS = new Set([STAR, 0x7e, 0x3e]);
const PAIRS = new Set([0x25, 0x7c]);
const EMPTY = Buffer.alloc(0);

type Item = Buffer | number | null;
type Listener = (chunk: Buffer) => void;

/** Non-public members of ioredis that are used here. */
interface Queue {
  peekFront(): { readonly command: unknown } | undefined;
  shift(): unknown;
}

/** Stands between the link's socket and ioredis from now on; false: this ioredis is another than the one that is known. */
export function readReplies(redis: Redis): boolean {
  const { stream } = redis;
  const [theirs, ...others] = stream.listeners('data') as Listener[];
  const queue = (redis as unknown as { readonly commandQueue?: Partial<Queue> }).commandQueue;
  if (theirs === undefined || others.length > 0 || !queue?.peekFront || !queue.shift) return false;
  const replies = new Replies(queue as Queue, theirs);
  stream.removeListener('data', theirs);
  stream.prependListener('data', (chunk: Buffer) => {
    try {
      replies.read(chunk);
    } catch (error) {
      // Nothing that follows can be told apart any more.
      stream.destroy(error as Error);
    }
  });
  return true;
}

export class Replies {
  readonly #queue: Queue;
  readonly #theirs: Listener;
  #chunk: Buffer = EMPTY;
  #at = 0;
  /** A line that the last chunk cut. */
  #cut: Buffer | undefined;
  /** The list that is being read, and how many of its items are still to come. */
  #list: Item[] | undefined;
  #due = 0;
  /** A value that does not lie in one chunk, and how much of it is there. */
  #value: Buffer | undefined;
  #filled = 0;
  /** For a reply of the other parser: number of parts left, and number of bytes left of the current one. */
  #parts = 0;
  #bytes = 0;

  constructor(queue: Queue, theirs: Listener) {
    this.#queue = queue;
    this.#theirs = theirs;
  }

  read(chunk: Buffer): void {
    this.#chunk = this.#cut === undefined ? chunk : Buffer.concat([this.#cut, chunk]);
    this.#cut = undefined;
    this.#at = 0;
    if (this.#value !== undefined && !this.#fill()) return;
    while (this.#at < this.#chunk.length) {
      if (this.#parts > 0 || (this.#list === undefined && !this.#isOurs())) {
        if (!this.#pass()) return;
      } else if (!this.#next()) return;
    }
  }

  #isOurs(): boolean {
    const type = this.#chunk[this.#at];
    if (type !== DOLLAR && type !== PLUS && type !== STAR && type !== COLON && type !== NULL) return false;
    const command = this.#queue.peekFront()?.command;
    return command instanceof WireCommand && command.flat;
  }

  /** One reply, or one item of a list; false: the chunk ends within it. */
  #next(): boolean {
    const chunk = this.#chunk;
    const start = this.#at;
    const end = lineEnd(chunk, start);
    if (end < 0) return this.#keep(start);
    const type = chunk[start];
    this.#at = end + 2;
    if (type === DOLLAR) return this.#bulk(integer(chunk, start + 1, end));
    if (type === COLON) this.#have(integer(chunk, start + 1, end));
    else if (type === PLUS) this.#have(chunk.subarray(start + 1, end));
    else if (type === NULL) this.#have(null);
    else if (type === STAR && this.#list === undefined) {
      const items = integer(chunk, start + 1, end);
      if (items > 0) [this.#list, this.#due] = [[], items];
      else this.#answer(items < 0 ? null : []);
    } else throw new Error(`an item of type ${String(type)} in a list of values`);
    return true;
  }

  #bulk(length: number): boolean {
    if (length < 0) {
      this.#have(null);
      return true;
    }
    const end = this.#at + length;
    if (end + 2 <= this.#chunk.length) {
      const value = this.#chunk.subarray(this.#at, end);
      this.#at = end + 2;
      this.#have(value);
      return true;
    }
    this.#value = Buffer.allocUnsafe(length + 2);
    this.#filled = 0;
    return this.#fill();
  }

  #fill(): boolean {
    const value = this.#value as Buffer;
    const copied = this.#chunk.copy(value, this.#filled, this.#at);
    this.#filled += copied;
    this.#at += copied;
    if (this.#filled < value.length) return false;
    this.#value = undefined;
    this.#have(value.subarray(0, -2));
    return true;
  }

  #have(item: Item): void {
    const list = this.#list;
    if (list === undefined) {
      this.#answer(item);
      return;
    }
    list.push(item);
    if (list.length < this.#due) return;
    this.#list = undefined;
    this.#answer(list);
  }

  #answer(reply: Item | Item[]): void {
    const { command } = this.#queue.shift() as { readonly command: WireCommand<never, unknown> };
    try {
      command.resolve(reply);
    } catch (error) {
      // The receiver's own mistake, not one of the protocol's.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Hands on what is not ours, up to the end of the reply or of the chunk. */
  #pass(): boolean {
    const from = this.#at;
    if (this.#parts === 0) this.#parts = 1;
    while (this.#parts > 0 && this.#walk());
    const whole = this.#parts === 0;
    const to = this.#at;
    if (to > from) this.#theirs(this.#chunk.subarray(from, to));
    return whole;
  }

  /** Over one part of a reply; false: the chunk ends within it. */
  #walk(): boolean {
    const chunk = this.#chunk;
    if (this.#bytes === 0) {
      const start = this.#at;
      const end = lineEnd(chunk, start);
      if (end < 0) return this.#keep(start);
      const type = chunk[start] as number;
      this.#at = end + 2;
      const count = integer(chunk, start + 1, end);
      if (BULKS.has(type) && count >= 0) this.#bytes = count + 2;
      else if (LISTS.has(type)) this.#parts += Math.max(0, count);
      // The attribute precedes the reply that it belongs to.
      else if (PAIRS.has(type)) this.#parts += Math.max(0, count) * 2 + (type === 0x7c ? 1 : 0);
    }
    const passed = Math.min(this.#bytes, chunk.length - this.#at);
    this.#bytes -= passed;
    this.#at += passed;
    if (this.#bytes > 0) return false;
    this.#parts -= 1;
    return true;
  }

  #keep(from: number): false {
    this.#at = from;
    if (from < this.#chunk.length) this.#cut = this.#chunk.subarray(from);
    return false;
  }
}

/** Where the line ends that begins there; -1: not in this chunk. Lines are short: no call into C++ for a few bytes. */
function lineEnd(chunk: Buffer, from: number): number {
  const last = chunk.length - 1;
  for (let at = from + 1; at < last; at++) if (chunk[at] === CR) return at;
  return -1;
}

/** The digits between the two; NaN where there are others. */
function integer(chunk: Buffer, from: number, to: number): number {
  const negative = chunk[from] === MINUS;
  let number = 0;
  for (let at = negative ? from + 1 : from; at < to; at++) number = number * 10 + (chunk[at] as number) - 48;
  return negative ? -number : number;
}
