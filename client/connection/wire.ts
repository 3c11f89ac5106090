/**
 * One command as ioredis's `sendCommand` takes it, without what ioredis's own class does for each: transformers, timers,
 * tracing, a promise and six closures. For the commands that a cache sends by the thousand; all others go the usual way.
 *
 * Both ways share ioredis's queue of commands and its stream, so their order is kept whoever sends.
 */
import type { Command } from 'ioredis';
import type { Argument, Link, Receiver } from './link.ts';

/** Commands with plain arguments and replies, to which ioredis would do nothing but decode strings. */
const PLAIN = new Set(
  (
    'GET MGET GETEX GETDEL STRLEN EXISTS TTL PTTL SET SETNX DEL UNLINK EXPIRE PEXPIRE PERSIST ' +
    'INCR INCRBY DECR DECRBY APPEND FCALL FCALL_RO EVALSHA EVALSHA_RO'
  ).split(' '),
);

/** Names in capitals only: ioredis treats `get` and `GET` differently, and so does this. */
export function isPlain(command: string): boolean {
  return PLAIN.has(command);
}

const names = new Map<string, string>();

function encodedName(name: string): string {
  let encoded = names.get(name);
  if (encoded === undefined) {
    encoded = `\r\n$${Buffer.byteLength(name)}\r\n${name}\r\n`;
    names.set(name, encoded);
  }
  return encoded;
}

/** RESP: text as far as there are only texts, one buffer otherwise. */
export function encode(name: string, args: readonly Argument[]): string | Buffer {
  let text = `*${args.length + 1}${encodedName(name)}`;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as Argument;
    if (typeof arg === 'string') text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    else if (typeof arg === 'number') text += encodedNumber(arg);
    else return mixed(text, args, i);
  }
  return text;
}

function encodedNumber(value: number): string {
  const digits = String(value);
  return `$${digits.length}\r\n${digits}\r\n`;
}

function mixed(head: string, args: readonly Argument[], from: number): Buffer {
  const parts: (string | Buffer)[] = [];
  let text = head;
  for (let i = from; i < args.length; i++) {
    const arg = args[i] as Argument;
    if (typeof arg === 'string') text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    else if (typeof arg === 'number') text += encodedNumber(arg);
    else {
      parts.push(`${text}$${arg.length}\r\n`, arg);
      text = '\r\n';
    }
  }
  parts.push(text);
  let length = 0;
  for (const part of parts) length += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  const whole = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') at += whole.write(part, at);
    else {
      whole.set(part, at);
      at += part.length;
    }
  }
  return whole;
}

/** Buffers in a reply as text, as ioredis does it. */
export function decoded(reply: unknown): unknown {
  if (reply instanceof Buffer) return reply.toString();
  return Array.isArray(reply) ? reply.map(decoded) : reply;
}

/** What `sendCommand` and the reply's handler use of a command. */
export class WireCommand<T> {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly promise = undefined;
  readonly inTransaction = false;
  /** ioredis traces its own commands only. */
  readonly isTraced = true;
  readonly #link: Link;
  readonly #buffers: boolean;
  readonly #receiver: Receiver<T>;
  readonly #of: T;
  readonly #sentAt: number;
  readonly #patienceMs: number;

  constructor(
    link: Link,
    name: string,
    args: readonly Argument[],
    buffers: boolean,
    receiver: Receiver<T>,
    of: T,
    sentAt: number,
    patienceMs: number,
  ) {
    this.name = name;
    this.args = args;
    this.#link = link;
    this.#buffers = buffers;
    this.#receiver = receiver;
    this.#of = of;
    this.#sentAt = sentAt;
    this.#patienceMs = patienceMs;
  }

  toWritable(): string | Buffer {
    return encode(this.name, this.args);
  }

  setReplyContext(): void {}

  /** The reply as it came: Buffers. */
  resolve(reply: unknown): void {
    this.settle(this.#buffers ? reply : decoded(reply));
  }

  /** The reply as it was asked for. */
  settle(reply: unknown): void {
    this.#link.settled(this.#sentAt, this.#patienceMs);
    this.#receiver.answered(this.#link, reply, this.#of);
  }

  reject(error: Error): void {
    this.#link.settled(this.#sentAt, this.#patienceMs);
    this.#receiver.failed(this.#link, error, this.#of);
  }

  /** The one place where the type says more than ioredis needs. */
  get asCommand(): Command {
    return this as unknown as Command;
  }
}
