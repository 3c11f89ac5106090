/**
 * Parses a snapshot (RDB) as far as recovery needs it: its checksum, its position in the replication stream, and
 * whether it has keys (rdb.c, rdbSaveRio). Pure. Left out: the keys themselves.
 *
 *   REDIS0010 │ aux fields │ functions │ SELECTDB, RESIZEDB, keys … │ EOF │ CRC-64 of all before
 */

export interface RdbScan {
  /** Reason why the server refuses the file; absent if it accepts the file. */
  readonly problem?: string;
  /** Replication stream of the snapshot: present in `dump.rdb`, absent in the base of an append-only file. */
  readonly replicationId?: string;
  readonly replicationOffset?: number;
  /** Number of keys in the first database; undefined if the header cannot be parsed. */
  readonly keys?: number;
}

/**
 * Number of bytes that are read at the start, for the aux fields and function libraries; a library may take tens of KB.
 */
const HEAD_BYTES = 1024 ** 2;
const CHECKSUM_BYTES = 8;
const OPCODE = { functions: 0xf5, aux: 0xfa, resize: 0xfb, selectDb: 0xfe, end: 0xff } as const;

export class RdbScanner {
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  #bytes = 0;
  /** The last bytes read so far, which may be the checksum. The checksum does not cover itself. */
  #tail: Uint8Array = new Uint8Array(0);
  #lastBeforeTail = -1;
  readonly #crc = new Crc64();

  push(piece: Uint8Array): void {
    if (this.#headBytes < HEAD_BYTES) {
      const part = piece.slice(0, HEAD_BYTES - this.#headBytes);
      this.#head.push(part);
      this.#headBytes += part.length;
    }
    this.#bytes += piece.length;
    const known = new Uint8Array(this.#tail.length + piece.length);
    known.set(this.#tail);
    known.set(piece, this.#tail.length);
    const end = Math.max(0, known.length - CHECKSUM_BYTES);
    const covered = known.subarray(0, end);
    this.#crc.push(covered);
    if (end > 0) this.#lastBeforeTail = covered[end - 1] as number;
    this.#tail = known.slice(end);
  }

  end(): RdbScan {
    const head = new Uint8Array(this.#headBytes);
    let at = 0;
    for (const part of this.#head) {
      head.set(part, at);
      at += part.length;
    }
    const magic = String.fromCharCode(...head.subarray(0, 9));
    if (!/^(REDIS|VALKEY)\d{3,4}/.test(magic))
      return { problem: 'not a snapshot: the magic string REDIS is missing' };
    const facts = readHead(head);
    if (this.#lastBeforeTail !== OPCODE.end)
      return { ...facts, problem: `truncated after ${this.#bytes} bytes` };
    const stored = this.#tail.every((byte) => byte === 0) ? undefined : toHex([...this.#tail].reverse());
    const computed = this.#crc.hex();
    if (stored !== undefined && stored !== computed) {
      return { ...facts, problem: `checksum mismatch: stored ${stored}, computed ${computed}` };
    }
    return facts;
  }
}

type Facts = Omit<RdbScan, 'problem'>;

/** Reads the aux fields, and the number of keys in the first database. */
function readHead(head: Uint8Array): Facts {
  const reader = new Reader(head, 9);
  const aux = new Map<string, string>();
  try {
    for (;;) {
      const opcode = reader.byte();
      if (opcode === OPCODE.aux) {
        const name = reader.text();
        aux.set(name, reader.text());
      } else if (opcode === OPCODE.functions) {
        reader.text();
      } else {
        return { ...auxFacts(aux), ...keysAfter(opcode, reader) };
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return auxFacts(aux);
  }
}

function keysAfter(opcode: number, reader: Reader): Facts {
  if (opcode === OPCODE.end) return { keys: 0 };
  if (opcode !== OPCODE.selectDb) return {};
  reader.length();
  return reader.byte() === OPCODE.resize ? { keys: reader.length() } : {};
}

function auxFacts(aux: ReadonlyMap<string, string>): Facts {
  const [id, offset] = [aux.get('repl-id'), aux.get('repl-offset')];
  return id === undefined || offset === undefined
    ? {}
    : { replicationId: id, replicationOffset: Number(offset) };
}

/**
 * Reads lengths and strings of an RDB (rdb.c, rdbLoadLenByRef, rdbGenericLoadStringObject). @throws RangeError past the
 * end
 */
class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new RangeError('beyond the header of the file');
    this.#at += 1;
    return value;
  }

  length(): number {
    const first = this.byte();
    const kind = first >> 6;
    if (kind === 0) return first & 0x3f;
    if (kind === 1) return ((first & 0x3f) << 8) | this.byte();
    if (first === 0x80) return this.#integer(4, 'big');
    if (first === 0x81) return this.#integer(8, 'big');
    throw new RangeError('not a plain length');
  }

  text(): string {
    const first = this.byte();
    if (first === 0xc0) return String(this.#integer(1, 'little'));
    if (first === 0xc1) return String(this.#integer(2, 'little'));
    if (first === 0xc2) return String(this.#integer(4, 'little'));
    if (first === 0xc3) {
      const compressed = this.length();
      this.length();
      this.#skip(compressed);
      return '';
    }
    this.#at -= 1;
    const length = this.length();
    const start = this.#at;
    this.#skip(length);
    return new TextDecoder('latin1').decode(this.#bytes.subarray(start, start + length));
  }

  #integer(bytes: number, order: 'big' | 'little'): number {
    const all = Array.from({ length: bytes }, () => this.byte());
    if (order === 'little') all.reverse();
    return all.reduce((value, byte) => value * 256 + byte, 0);
  }

  #skip(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw new RangeError('beyond the header of the file');
    this.#at += bytes;
  }
}

/** Computes CRC-64/Jones, reflected, as Redis does (crc64.c), in two halves of 32 bits. */
class Crc64 {
  #high = 0;
  #low = 0;

  push(bytes: Uint8Array): void {
    let [high, low] = [this.#high, this.#low];
    for (let i = 0; i < bytes.length; i += 1) {
      const index = (low ^ (bytes[i] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (TABLE.low[index] as number);
      high = (high >>> 8) ^ (TABLE.high[index] as number);
    }
    [this.#high, this.#low] = [high, low];
  }

  hex(): string {
    const half = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
    return half(this.#high) + half(this.#low);
  }
}

/** The reflected polynomial 0xad93d23594c935a9. */
const POLYNOMIAL = { high: 0x95ac9329, low: 0xac4bc9b5 } as const;
const TABLE = makeTable();

function makeTable(): { readonly high: Int32Array; readonly low: Int32Array } {
  const table = { high: new Int32Array(256), low: new Int32Array(256) };
  for (let byte = 0; byte < 256; byte += 1) {
    let [high, low] = [0, byte];
    for (let bit = 0; bit < 8; bit += 1) {
      const isOdd = (low & 1) === 1;
      low = (low >>> 1) | (high << 31);
      high = high >>> 1;
      if (isOdd) [high, low] = [high ^ POLYNOMIAL.high, low ^ POLYNOMIAL.low];
    }
    table.high[byte] = high;
    table.low[byte] = low;
  }
  return table;
}

function toHex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
