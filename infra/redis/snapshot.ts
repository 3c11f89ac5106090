/**
 * Takes a snapshot of a node over the network, as a new replica does: PSYNC makes the node fork and send an RDB. Works
 * for every node that accepts the admin user, without access to its files. The node continues to serve its clients.
 *
 * `REPLCONF rdb-only` requests only the snapshot, so that the node buffers no writes for this connection.
 */
import { createWriteStream } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';

/**
 * Maximum time without data, in ms: the node sends a line feed every second while it prepares the snapshot
 * (replication.c, replicationCron).
 */
const SILENCE_TIMEOUT_MS = 30_000;
const MARK_BYTES = 40;

/** Position in the replication stream at which the snapshot was taken. */
export interface SnapshotPoint {
  readonly replicationId: string;
  readonly replicationOffset: number;
}

export interface SnapshotRequest {
  readonly nodeId: string;
  /** Connection whose address and credentials are used; the connection itself is not used. */
  readonly admin: Redis;
  /** File to write; mode 0600. */
  readonly path: string;
  /** Receives each piece of the data, for checksums. */
  readonly onData?: (piece: Uint8Array) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Takes a snapshot. @throws KitError `SNAPSHOT_FAILED` */
export async function takeSnapshot(request: SnapshotRequest): Promise<SnapshotPoint> {
  const { nodeId, admin, path, onData, signal } = request;
  const socket = openSocket(admin);
  const abort = () => socket.destroy(new Error('interrupted'));
  signal?.addEventListener('abort', abort, { once: true });
  socket.setTimeout(SILENCE_TIMEOUT_MS, () =>
    socket.destroy(new Error(`no data for ${SILENCE_TIMEOUT_MS} ms`)),
  );
  try {
    const reader = new ReplyReader(socket);
    const point = await requestSnapshot(socket, reader, admin);
    const pieces = async function* () {
      for await (const piece of reader.readPayload()) {
        onData?.(piece);
        yield piece;
      }
    };
    await pipeline(Readable.from(pieces()), createWriteStream(path, { mode: 0o600, flush: true }));
    return point;
  } catch (error) {
    signal?.throwIfAborted();
    throw new KitError(`${nodeId} did not send a snapshot: ${(error as Error).message}`, {
      code: 'SNAPSHOT_FAILED',
      exitCode: EXIT.UNKNOWN,
      hint: 'run the command again; kit status shows whether the node is in sync with its master',
      cause: error,
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function openSocket({ options }: Redis): Socket {
  const { host = '127.0.0.1', port = 6379, tls, path } = options;
  if (path !== undefined) return connectPlain(path);
  return tls === undefined ? connectPlain(port, host) : connectTls({ ...tls, host, port });
}

async function requestSnapshot(
  socket: Socket,
  reader: ReplyReader,
  { options: { username, password } }: Redis,
): Promise<SnapshotPoint> {
  const send = async (...words: readonly string[]) => {
    socket.write(commandOf(words));
    const line = await reader.readLine();
    if (line.startsWith('-')) throw new Error(line.slice(1));
    return line;
  };
  if (password !== undefined && password !== null) await send('AUTH', username ?? 'default', password);
  await send('REPLCONF', 'capa', 'eof');
  await send('REPLCONF', 'rdb-only', '1');
  const reply = await send('PSYNC', '?', '-1');
  const [, replicationId, offset] = /^\+FULLRESYNC ([0-9a-f]{40}) (\d+)$/.exec(reply) ?? [];
  if (replicationId === undefined) throw new Error(`unexpected reply '${reply.slice(0, 80)}'`);
  return { replicationId, replicationOffset: Number(offset) };
}

function commandOf(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/**
 * Reads lines and then one payload from a socket. Nothing is read from the socket while a piece of the payload is being
 * written to disk.
 */
class ReplyReader {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Returns the next non-empty line: empty lines are keep-alives. */
  async readLine(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end === -1) {
        this.#rest = Buffer.concat([this.#rest, await this.#next()]);
        continue;
      }
      const line = this.#rest.toString('latin1', 0, end).trim();
      this.#rest = this.#rest.subarray(end + 1);
      if (line !== '') return line;
    }
  }

  /** Reads the snapshot, which either has a stated length or (diskless) ends with an EOF mark. */
  async *readPayload(): AsyncGenerator<Buffer> {
    const header = await this.readLine();
    const [, mark, length] = /^\$(?:EOF:(.{40})|(\d+))$/.exec(header) ?? [];
    if (mark !== undefined) yield* this.#readToMark(Buffer.from(mark, 'latin1'));
    else if (length !== undefined) yield* this.#readLength(Number(length));
    else throw new Error(`unexpected reply '${header.slice(0, 80)}'`);
  }

  async *#readLength(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const piece = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(piece.length);
      missing -= piece.length;
      yield piece;
    }
  }

  async *#readToMark(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#rest.length >= MARK_BYTES) {
        const end = this.#rest.length - MARK_BYTES;
        if (end > 0) yield this.#rest.subarray(0, end);
        this.#rest = this.#rest.subarray(end);
        if (this.#rest.equals(mark)) return;
      }
      this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    }
  }

  async #next(): Promise<Buffer> {
    const { value, done } = await this.#pieces.next();
    if (done) throw new Error('the connection was closed');
    return value;
  }
}
