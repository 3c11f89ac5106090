/**
 * One command that this client writes to the socket itself, without the per-command overhead of ioredis: transformers,
 * timers, tracing, a promise and six closures. Used for the most frequent commands of a cache; ioredis sends all
 * others.
 *
 * This client and ioredis share one socket (`wire-connector.ts`), so the order of commands is preserved.
 */
import type { Argument } from './commands.ts';
import type { OwnCommand } from './pending-replies.ts';

/** Commands with plain arguments and replies. ioredis would only decode the strings in their replies. */
const PLAIN = (
  'GET MGET GETEX GETDEL STRLEN EXISTS TTL PTTL SET SETNX DEL UNLINK EXPIRE PEXPIRE PERSIST ' +
  'INCR INCRBY DECR DECRBY APPEND FCALL FCALL_RO EVALSHA EVALSHA_RO'
).split(' ');

const plain = new Set(PLAIN);

/** Whether a command is plain. Only upper-case names are plain, because ioredis treats `get` and `GET` differently. */
export function isPlain(command: string): boolean {
  return plain.has(command);
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

/** Encodes a command in RESP: a string if all arguments are text, otherwise a Buffer. */
export function encodeCommand(name: string, args: readonly Argument[]): string | Buffer {
  const head = `*${args.length + 1}${encodedName(name)}`;
  let text = head;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as Argument;
    if (typeof arg === 'string') text += `$${arg.length}\r\n${arg}\r\n`;
    else if (typeof arg === 'number') text += encodedNumber(arg);
    else return encodeMixed(head, args);
  }
  // The lengths are correct only if each character is one byte. A single check of the whole text replaces a check of
  // each argument.
  return Buffer.byteLength(text) === text.length ? text : encodeMixed(head, args);
}

function encodedNumber(value: number): string {
  const digits = String(value);
  return `$${digits.length}\r\n${digits}\r\n`;
}

/** Encodes a command with arguments of any type. */
function encodeMixed(head: string, args: readonly Argument[]): string | Buffer {
  const parts: (string | Buffer)[] = [];
  let text = head;
  for (const arg of args) {
    if (typeof arg === 'string') text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    else if (typeof arg === 'number') text += encodedNumber(arg);
    else {
      parts.push(`${text}$${arg.length}\r\n`, arg);
      text = '\r\n';
    }
  }
  if (parts.length === 0) return text;
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

/** Converts Buffers in a reply to text, as ioredis does. */
function decodeReply(reply: unknown): unknown {
  if (reply instanceof Buffer) return reply.toString();
  return Array.isArray(reply) ? reply.map(decodeReply) : reply;
}

/** The part of a link that its commands use. */
interface SendingLink {
  /** Reports the arrival of a reply to a command that was sent at the given time. */
  settled(sentAt: number): void;
}

/** Receives the reply to a command, or an error if there is none. `of` is the caller's reference to the command. */
export interface LinkReceiver<L, T> {
  answered(link: L, reply: unknown, of: T): void;
  failed(link: L, error: Error, of: T): void;
}

/** Command and the receiver of its reply. */
export class WireCommand<L extends SendingLink, T> implements OwnCommand {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly #link: L;
  readonly #buffers: boolean;
  readonly #receiver: LinkReceiver<L, T>;
  readonly #of: T;
  readonly #sentAt: number;

  constructor(
    link: L,
    name: string,
    args: readonly Argument[],
    buffers: boolean,
    receiver: LinkReceiver<L, T>,
    of: T,
    sentAt: number,
  ) {
    this.name = name;
    this.args = args;
    this.#link = link;
    this.#buffers = buffers;
    this.#receiver = receiver;
    this.#of = of;
    this.#sentAt = sentAt;
  }

  /** Passes on the reply as received, with Buffers. */
  resolve(reply: unknown): void {
    this.settle(this.#buffers ? reply : decodeReply(reply));
  }

  /** Passes on the reply in the requested form. */
  settle(reply: unknown): void {
    this.#link.settled(this.#sentAt);
    this.#receiver.answered(this.#link, reply, this.#of);
  }

  reject(error: Error): void {
    this.#link.settled(this.#sentAt);
    this.#receiver.failed(this.#link, error, this.#of);
  }
}
