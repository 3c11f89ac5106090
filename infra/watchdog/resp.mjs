/**
 * One connection to a Redis node or sentinel: RESP2, for the few commands of the watchdog. Does not reconnect.
 */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

/**
 * @typedef {string | number | null | Error | readonly Reply[]} Reply
 * @typedef {{ readonly host: string, readonly port: number, readonly username: string, readonly password: string, readonly ca?: string | undefined, readonly localAddress?: string | undefined }} Access
 * @typedef {{ readonly resolve: (reply: Reply) => void, readonly reject: (error: Error) => void }} Waiter
 */

/** An error reply, which means that the node is reachable and refuses the command. */
export class ErrorReply extends Error {}

export class Connection {
  #tcp;
  #socket;
  #received = Buffer.alloc(0);
  /** @type {Waiter[]} */
  #waiting = [];
  isOpen = true;

  /** @param {Access} access @param {number} timeoutMs timeout for the connection attempt and AUTH together, in ms */
  static async open(access, timeoutMs) {
    const connection = new Connection(access);
    try {
      await connection.call(['AUTH', access.username, access.password], timeoutMs);
      return connection;
    } catch (error) {
      connection.close(new Error('not authenticated'));
      throw error;
    }
  }

  /** @param {Access} access */
  constructor({ host, port, ca, localAddress }) {
    this.#tcp = connectTcp({ host, port, noDelay: true, ...(localAddress && { localAddress }) });
    this.#socket = ca === undefined ? this.#tcp : connectTls({ socket: this.#tcp, host, ca });
    this.#tcp.on('error', (error) => this.close(error));
    this.#socket.on('data', (bytes) => this.#receive(bytes));
    this.#socket.on('error', (error) => this.close(error));
    this.#socket.on('close', () => this.close(new Error('connection closed')));
  }

  /**
   * Sends commands in one piece and returns the last reply. If no reply arrives in time, the connection is closed, and
   * commands that have not been sent yet are discarded.
   *
   * @param {readonly (readonly string[])[]} commands
   * @param {number} timeoutMs
   * @returns {Promise<Reply>}
   */
  async send(commands, timeoutMs) {
    if (!this.isOpen) throw new Error('connection closed');
    const timer = setTimeout(() => this.close(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs);
    try {
      const replies = commands.map(
        () =>
          /** @type {Promise<Reply>} */ (
            new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
          ),
      );
      this.#socket.write(commands.map(encode).join(''));
      const last = (await Promise.all(replies)).at(-1);
      if (last instanceof Error) throw last;
      return last ?? null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {readonly string[]} command @param {number} timeoutMs */
  call(command, timeoutMs) {
    return this.send([command], timeoutMs);
  }

  /** @param {Error} reason */
  close(reason) {
    this.isOpen = false;
    // Sends a reset: after a normal close, the kernel would still deliver a command waiting in the send buffer.
    if (this.#tcp.connecting || this.#tcp.destroyed) this.#tcp.destroy();
    else this.#tcp.resetAndDestroy();
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  /** @param {Buffer} bytes */
  #receive(bytes) {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const parsed = parse(this.#received, 0);
      if (parsed === undefined) return;
      this.#received = this.#received.subarray(parsed.end);
      this.#waiting.shift()?.resolve(parsed.reply);
    }
  }
}

/** @param {readonly string[]} command */
const encode = (command) =>
  `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

/**
 * Parses one reply; undefined if it is not complete.
 *
 * @param {Buffer} bytes
 * @param {number} from
 * @returns {{ readonly reply: Reply, readonly end: number } | undefined}
 */
function parse(bytes, from) {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd === -1) return undefined;
  const line = bytes.toString('utf8', from + 1, lineEnd);
  const start = lineEnd + 2;
  switch (String.fromCharCode(bytes[from] ?? 0)) {
    case '-':
      return { reply: new ErrorReply(line), end: start };
    case ':':
      return { reply: Number(line), end: start };
    case '$': {
      const end = start + Number(line);
      if (Number(line) < 0) return { reply: null, end: start };
      return end + 2 > bytes.length ? undefined : { reply: bytes.toString('utf8', start, end), end: end + 2 };
    }
    case '*': {
      /** @type {Reply[]} */
      const items = [];
      let end = start;
      while (items.length < Number(line)) {
        const item = parse(bytes, end);
        if (item === undefined) return undefined;
        items.push(item.reply);
        end = item.end;
      }
      return { reply: items, end };
    }
    default:
      return { reply: line, end: start };
  }
}
