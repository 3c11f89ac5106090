/**
 * Reads the bytes from a server. Decodes the replies to the commands of `wire.ts`, with the same results as ioredis in
 * a third of the time, and passes everything else to ioredis: replies to its own commands, and pushes.
 *
 *   bytes ─▶ boundary of a reply ─▶ push?                       ─▶ ioredis
 *                                  head of `PendingReplies` ─▶ own command ─▶ decoded, answered
 *                                                           ─▶ ioredis's   ─▶ ioredis
 */
import { ReplyError } from 'ioredis';
import { FrameWalker } from './frame-walker.ts';
import type { PendingReplies } from './pending-replies.ts';

const [CR, PLUS, MINUS, COLON, DOLLAR, STAR, NULL] = [0x0d, 0x2b, 0x2d, 0x3a, 0x24, 0x2a, 0x5f];
/** Types of RESP3. */
const [BOOLEAN, TRUE, DOUBLE, BIG_NUMBER, BLOB_ERROR, VERBATIM, SET, MAP, PUSH] = [
  0x23, 0x74, 0x2c, 0x28, 0x21, 0x3d, 0x7e, 0x25, 0x3e,
];
/** A verbatim string begins with its format, `txt:`. */
const FORMAT_BYTES = 4;
const EMPTY = Buffer.alloc(0);

type Item = Buffer | number | string | null | Error | Item[];

interface List {
  readonly items: Item[];
  readonly length: number;
}

export class Replies {
  readonly #pending: PendingReplies;
  readonly #toIoredis: (chunk: Buffer) => void;
  readonly #walker = new FrameWalker();
  #chunk: Buffer = EMPTY;
  #at = 0;
  /** Header line that was cut off at the end of the last chunk. */
  #cut: Buffer | undefined;
  /** List that is being read, linked to the lists that contain it. */
  #list: List | undefined;
  #outer: List[] = [];
  /** String that spans chunks, its type, and the number of its bytes that have arrived. */
  #value: Buffer | undefined;
  #valueType = DOLLAR;
  #filled = 0;
  /** Whether a reply that ends in a later chunk is being passed to ioredis. */
  #isPassing = false;
  #isResp3 = false;

  constructor(pending: PendingReplies, toIoredis: (chunk: Buffer) => void) {
    this.#pending = pending;
    this.#toIoredis = toIoredis;
  }

  /** Whether the server replied to HELLO 3 with a map, in which case acknowledgements of SUBSCRIBE arrive as pushes. */
  get isResp3(): boolean {
    return this.#isResp3;
  }

  read(chunk: Buffer): void {
    this.#chunk = this.#cut === undefined ? chunk : Buffer.concat([this.#cut, chunk]);
    this.#cut = undefined;
    this.#at = 0;
    if (this.#value !== undefined && !this.#fill()) return;
    while (this.#at < this.#chunk.length) {
      const isInside = this.#list !== undefined;
      if (this.#isPassing || !(isInside || this.#isOwn())) {
        if (!this.#pass()) return;
      } else if (!this.#next()) return;
    }
  }

  #isOwn(): boolean {
    return this.#chunk[this.#at] !== PUSH && this.#pending.peek() !== undefined;
  }

  /** Passes on bytes up to the end of the reply or of the chunk; false if the reply does not end in this chunk. */
  #pass(): boolean {
    const chunk = this.#chunk;
    const from = this.#at;
    if (!this.#isPassing) {
      if (chunk[from] === MAP) this.#isResp3 = true;
      if (chunk[from] !== PUSH) this.#pending.shift();
    }
    const end = this.#walker.walk(chunk, from);
    this.#isPassing = end < 0;
    this.#at = end < 0 ? chunk.length : end;
    this.#toIoredis(chunk.subarray(from, this.#at));
    return end >= 0;
  }

  /** Reads one reply, or one item of a list; false if the chunk ends within it. */
  #next(): boolean {
    const chunk = this.#chunk;
    const start = this.#at;
    const end = lineEnd(chunk, start);
    if (end < 0) {
      this.#cut = chunk.subarray(start);
      return false;
    }
    const type = chunk[start] as number;
    this.#at = end + 2;
    if (type === DOLLAR || type === VERBATIM || type === BLOB_ERROR)
      return this.#string(type, parseInteger(chunk, start + 1, end));
    if (type === STAR || type === SET) this.#open(parseInteger(chunk, start + 1, end));
    else if (type === MAP) this.#open(parseInteger(chunk, start + 1, end) * 2);
    else this.#receive(lineValue(type, chunk, start + 1, end));
    return true;
  }

  #string(type: number, length: number): boolean {
    if (length < 0) {
      this.#receive(null);
      return true;
    }
    const end = this.#at + length;
    if (end + 2 <= this.#chunk.length) {
      const value = this.#chunk.subarray(this.#at, end);
      this.#at = end + 2;
      this.#receive(stringValue(type, value));
      return true;
    }
    this.#value = Buffer.allocUnsafe(length + 2);
    this.#valueType = type;
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
    this.#receive(stringValue(this.#valueType, value.subarray(0, -2)));
    return true;
  }

  #open(length: number): void {
    if (length <= 0) {
      this.#receive(length < 0 ? null : []);
      return;
    }
    if (this.#list !== undefined) this.#outer.push(this.#list);
    this.#list = { items: [], length };
  }

  #receive(item: Item): void {
    let received = item;
    for (let list = this.#list; list !== undefined; list = this.#list) {
      list.items.push(received);
      if (list.items.length < list.length) return;
      received = list.items;
      this.#list = this.#outer.pop();
    }
    this.#answer(received);
  }

  #answer(reply: Item): void {
    const command = this.#pending.shift();
    try {
      if (reply instanceof Error)
        command?.reject(Object.assign(reply, { command: { name: command.name, args: command.args } }));
      else command?.resolve(reply);
    } catch (error) {
      // The error comes from the receiver, not from the protocol.
      process.nextTick(() => {
        throw error;
      });
    }
  }
}

/** Returns the value of a type that consists of a header only. RESP3 types are mapped to RESP2 types, as in ioredis. */
function lineValue(type: number, chunk: Buffer, from: number, to: number): Item {
  if (type === COLON) return parseInteger(chunk, from, to);
  if (type === PLUS || type === DOUBLE) return chunk.subarray(from, to);
  if (type === NULL) return null;
  if (type === MINUS) return new ReplyError(chunk.toString('utf8', from, to)) as Error;
  if (type === BOOLEAN) return chunk[from] === TRUE ? 1 : 0;
  if (type === BIG_NUMBER) return chunk.toString('latin1', from, to);
  throw new Error(`unknown RESP type ${String.fromCharCode(type)} in a reply`);
}

function stringValue(type: number, value: Buffer): Item {
  if (type === DOLLAR) return value;
  return type === VERBATIM ? value.subarray(FORMAT_BYTES) : (new ReplyError(value.toString()) as Error);
}

/**
 * Returns the end of the line that begins at `from`; -1: not in this chunk. Lines are short, so a loop is faster than a
 * call into C++.
 */
function lineEnd(chunk: Buffer, from: number): number {
  const last = chunk.length - 1;
  for (let at = from + 1; at < last; at++) if (chunk[at] === CR) return at;
  return -1;
}

/** Parses the number between the two positions; NaN if there are other characters. */
function parseInteger(chunk: Buffer, from: number, to: number): number {
  const isNegative = chunk[from] === MINUS;
  let number = 0;
  for (let at = isNegative ? from + 1 : from; at < to; at++)
    number = number * 10 + (chunk[at] as number) - 48;
  return isNegative ? -number : number;
}
