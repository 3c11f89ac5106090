/**
 * The socket of one link. The client opens it, counts its bytes, and writes its frequent commands to it; ioredis gets a
 * stream that writes to the same socket, through its public option `Connector`, and sends everything else.
 *
 *   OwnCommand ───────────────▶ socket ─▶ Redis ─▶ socket ─▶ Replies ─▶ OwnCommand
 *   ioredis ─▶ SharedStream ──▶                                      ─▶ SharedStream ─▶ ioredis
 *
 * Both write complete commands to the same socket immediately, and both register them in `PendingReplies`, so replies
 * match commands regardless of the sender. See docs/decisions/047-public-ioredis.md.
 */
import { createConnection, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { Address, TlsOptions } from '../api/types.ts';
import { FrameWalker } from './frame-walker.ts';
import { type OwnCommand, PendingReplies } from './pending-replies.ts';
import { Replies } from './replies.ts';

const KEEP_ALIVE_MS = 5000;
const CLOSED = 'Connection is closed.';
/** Commands whose acknowledgements are pushes in RESP3, and one reply per channel in RESP2. */
const SUBSCRIPTION = /^\*(\d+)\r\n\$\d+\r\n[ps]?(un)?subscribe\r\n/i;
/** Length of the longest frame head that is compared with `SUBSCRIPTION`. */
const HEAD_BYTES = 40;
/** Maximum length of an error reply that is reported as the reason for a refused connection. */
const REFUSAL_BYTES = 500;

export interface WireTarget {
  readonly address: Address;
  readonly tls: TlsOptions | undefined;
  /**
   * false: ioredis itself sends all commands and receives all replies. Needed for subscriptions in RESP2, where
   * messages look like replies.
   */
  readonly sharesReplies: boolean;
}

/**
 * Stream that is passed to ioredis. It is a Socket without a handle, because ioredis calls `setKeepAlive` and similar
 * methods.
 */
class SharedStream extends Socket {
  readonly #socket: Socket;
  readonly #forward: (bytes: Buffer) => void;

  constructor(socket: Socket, forward: (bytes: Buffer) => void) {
    super();
    this.#socket = socket;
    this.#forward = forward;
  }

  override _read(): void {}

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.#forward(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    done();
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer | string; readonly encoding: BufferEncoding }[],
    done: () => void,
  ): void {
    for (const { chunk, encoding } of chunks) this._write(chunk, encoding, () => {});
    done();
  }

  override _final(done: () => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    super._destroy(error, done);
  }
}

/** Open socket that this client and ioredis share. */
export class Wire {
  /** Stream that ioredis writes to and reads from. */
  readonly forIoredis: Socket;
  /** Called for each chunk of bytes before it is read. */
  heard: () => void = () => {};
  readonly #socket: Socket;
  readonly #pending = new PendingReplies();
  readonly #replies: Replies;
  readonly #sent = new FrameWalker();
  /** Whether this client can send its own commands. */
  readonly sharesReplies: boolean;
  #isCorked = false;
  #isLoggedIn = false;
  /** Error reply before the login, if any. It is the reason why the server closes the connection. */
  #refusal: Error | undefined;

  constructor(socket: Socket, sharesReplies: boolean) {
    this.#socket = socket;
    this.sharesReplies = sharesReplies;
    this.forIoredis = new SharedStream(socket, (bytes) => this.#forward(bytes));
    this.#replies = new Replies(this.#pending, (chunk) => this.forIoredis.push(chunk));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.forIoredis.destroy(this.#refusal ?? error));
    socket.once('close', () => this.#closed());
  }

  /** Address of the peer. */
  get remote(): { readonly host: string; readonly port: number } {
    return { host: this.#socket.remoteAddress ?? '', port: this.#socket.remotePort ?? 0 };
  }

  get isWritable(): boolean {
    return this.#socket.writable;
  }

  send(command: OwnCommand, encoded: string | Buffer): void {
    this.#pending.push(command);
    this.#socket.write(encoded);
  }

  /**
   * Starts sending ioredis's commands at once. Before the login, they are combined into one write: a server that
   * refuses the connection sends the reason and closes the socket, and a second write would end the socket before the
   * reason is read.
   */
  loggedIn(): void {
    this.#isLoggedIn = true;
    this.#refusal = undefined;
  }

  /**
   * Combines the commands of one tick into one write, which does not delay a single caller and saves work when there
   * are many callers.
   */
  cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.#socket.uncork();
  };

  #read(chunk: Buffer): void {
    this.heard();
    if (!this.#isLoggedIn) this.#refusal ??= refusalIn(chunk);
    if (!this.sharesReplies) {
      this.forIoredis.push(chunk);
      return;
    }
    try {
      this.#replies.read(chunk);
    } catch (error) {
      // After such an error, the boundaries of the following replies are unknown.
      this.#socket.destroy(error as Error);
    }
  }

  /** Writes commands from ioredis. */
  #forward(bytes: Buffer): void {
    if (this.sharesReplies) this.#expectReplies(bytes);
    if (!this.#isLoggedIn) this.cork();
    this.#socket.write(bytes);
  }

  #expectReplies(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const end = this.#sent.walk(bytes, from);
      if (end < 0) return;
      const subscription = SUBSCRIPTION.exec(bytes.toString('latin1', from, from + HEAD_BYTES));
      const channels = subscription ? Math.max(1, Number(subscription[1]) - 1) : 1;
      if (!subscription || !this.#replies.isResp3)
        for (let i = 0; i < channels; i++) this.#pending.push(undefined);
      from = end;
    }
  }

  #closed(): void {
    for (const command of this.#pending.clear()) command.reject(new Error(CLOSED));
    this.forIoredis.destroy(this.#refusal);
  }
}

/** Finds `-ERR max number of clients reached` and similar errors in a chunk. */
function refusalIn(chunk: Buffer): Error | undefined {
  const line = /^-([^\r\n]+)\r\n/.exec(chunk.toString('latin1', 0, REFUSAL_BYTES))?.[1];
  return line === undefined ? undefined : new Error(line);
}

/**
 * Returns the class for ioredis's option `Connector`. `opened` receives the socket of each connection before ioredis
 * uses it.
 */
export function wireConnector(target: WireTarget, opened: (wire: Wire) => void): new () => AbstractConnector {
  return class WireConnector extends AbstractConnector {
    #socket: Socket | undefined;

    constructor() {
      super(0);
    }

    override connect(): Promise<Socket> {
      const { address, tls, sharesReplies } = target;
      const { host, port } = address;
      return new Promise((resolve, reject) => {
        const socket = tls ? connectTls({ host, port, ...tlsOf(tls) }) : createConnection({ host, port });
        this.#socket = socket;
        socket.on('error', reject);
        socket.once('close', () => reject(new Error(CLOSED)));
        socket.once(tls ? 'secureConnect' : 'connect', () => {
          const wire = new Wire(socket, sharesReplies);
          opened(wire);
          resolve(wire.forIoredis);
        });
      });
    }

    /** Disconnects immediately, without waiting for a node that may hang. */
    override disconnect(): void {
      this.#socket?.destroy();
    }
  };
}

export function tlsOf(tls: TlsOptions): Record<string, string> {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}
