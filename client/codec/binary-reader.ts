/**
 * Decodes bytes to values, in the format of `binary-format.ts`. The bytes may be hostile: every length is checked
 * against the remaining bytes, nesting against a limit, and a name is only data (`__proto__` becomes an own property).
 */
import { SerializationError } from '../api/errors.ts';
import { DEPTH_MAX, KINDS, littleEndian, SMALL, TAG } from './binary-format.ts';

/** Maximum length of strings that are cached. */
const SHORT = 24;
const HOLE = Symbol('hole');

/** Decodes a value. @throws SerializationError if the bytes are invalid or incomplete */
export function readBinary(bytes: Uint8Array): unknown {
  const reader = new Reader(
    Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  );
  const value = reader.value(0);
  if (value === HOLE || !reader.atEnd) throw malformed('bytes after the value');
  return value;
}

const malformed = (what: string): SerializationError =>
  new SerializationError(`The bytes are not in the format of the binary codec: ${what}`);

/**
 * Cache of short texts that occur repeatedly (mostly field names). Each slot keeps its last text. The bytes are
 * compared, so a hostile text can displace another text but is never returned in its place.
 */
const texts: (string | undefined)[] = new Array<string | undefined>(1024).fill(undefined);

function readName(buffer: Buffer, start: number, length: number): string {
  let hash = length;
  for (let i = start; i < start + length; i++) hash = (hash * 31 + (buffer[i] as number)) & 0xffffff;
  const slot = hash & 1023;
  const known = texts[slot];
  if (known !== undefined && known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === buffer[start + i]) i += 1;
    if (i === length) return known;
  }
  const text = buffer.toString('latin1', start, start + length);
  texts[slot] = text;
  return text;
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get atEnd(): boolean {
    return this.#at === this.#buffer.length;
  }

  value(depth: number): unknown {
    const tag = this.#byte();
    if (tag >= SMALL) return tag & 0x7f;
    switch (tag) {
      case TAG.null:
        return null;
      case TAG.undefined:
        return undefined;
      case TAG.false:
        return false;
      case TAG.true:
        return true;
      case TAG.hole:
        return HOLE;
      case TAG.integer:
        return this.#integer();
      case TAG.float:
        return this.#float();
      case TAG.date:
        return new Date(this.#float());
      case TAG.bigint:
        return this.#bigint();
      case TAG.negativeBigint:
        return -this.#bigint();
      case TAG.bytes:
        return this.#bytes();
      case TAG.ascii:
      case TAG.utf8:
      case TAG.utf16:
        return this.#text(tag);
      default:
        return this.#container(tag, depth + 1);
    }
  }

  #container(tag: number, depth: number): object {
    if (depth > DEPTH_MAX) throw malformed(`nested deeper than ${DEPTH_MAX} levels`);
    switch (tag) {
      case TAG.array:
        return this.#array(depth);
      case TAG.object:
        return this.#fields({}, depth);
      case TAG.bareObject:
        return this.#fields(Object.create(null) as Record<string, unknown>, depth);
      case TAG.map: {
        const map = new Map<unknown, unknown>();
        for (let left = this.#count(2); left > 0; left--) {
          const key = this.#solid(depth);
          map.set(key, this.#solid(depth));
        }
        return map;
      }
      case TAG.set: {
        const set = new Set<unknown>();
        for (let left = this.#count(1); left > 0; left--) set.add(this.#solid(depth));
        return set;
      }
      default:
        throw malformed(`tag ${tag}`);
    }
  }

  #array(depth: number): unknown[] {
    const length = this.#count(1);
    const array: unknown[] = [];
    for (let i = 0; i < length; i++) {
      const element = this.value(depth);
      if (element === HOLE) array.length = i + 1;
      else array[i] = element;
    }
    return array;
  }

  #fields(object: Record<string, unknown>, depth: number): object {
    for (let left = this.#count(2); left > 0; left--) {
      const name = this.#text(this.#byte());
      const value = this.#solid(depth);
      // A property of Object.prototype may be a setter (`__proto__`) or frozen, so the property of the new object is
      // defined instead of assigned.
      if (name in Object.prototype)
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      else object[name] = value;
    }
    return object;
  }

  #solid(depth: number): unknown {
    const value = this.value(depth);
    if (value === HOLE) throw malformed('a hole outside an array');
    return value;
  }

  #text(tag: number): string {
    if (tag !== TAG.ascii && tag !== TAG.utf8 && tag !== TAG.utf16) throw malformed(`tag ${tag} for a text`);
    const length = this.#count(1);
    const start = this.#at;
    this.#at += length;
    const buffer = this.#buffer;
    if (tag === TAG.utf8) return buffer.toString('utf8', start, this.#at);
    if (tag === TAG.utf16) return buffer.toString('utf16le', start, this.#at);
    if (length > SHORT) return buffer.toString('latin1', start, this.#at);
    return readName(buffer, start, length);
  }

  #bytes(): object {
    const kind = KINDS[this.#varint()];
    if (!kind) throw malformed('bytes of an unknown kind');
    const length = this.#count(1);
    if (length % kind.width !== 0) throw malformed(`${length} bytes of a ${kind.name}`);
    // The content is copied, so that it is aligned and owned by the value.
    const content = new Uint8Array(length);
    content.set(this.#buffer.subarray(this.#at, this.#at + length));
    littleEndian(Buffer.from(content.buffer), kind.width);
    this.#at += length;
    return kind.of(content.buffer);
  }

  #bigint(): bigint {
    const length = this.#count(1);
    if (length === 0) throw malformed('a bigint without digits');
    const hex = this.#buffer.toString('hex', this.#at, this.#at + length);
    this.#at += length;
    return BigInt(`0x${hex}`);
  }

  #integer(): number {
    const zigzag = this.#varint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  #float(): number {
    if (this.#at + 8 > this.#buffer.length) throw malformed('cut off');
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  /**
   * Reads the number of parts that follow. Each part takes at least `bytesEach` bytes, so a wrong number is detected
   * before any allocation.
   */
  #count(bytesEach: number): number {
    const count = this.#varint();
    if (count * bytesEach > this.#buffer.length - this.#at) throw malformed(`a length of ${count}`);
    return count;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 0x80;
    }
    throw malformed('a number that is too long');
  }

  #byte(): number {
    const byte = this.#buffer[this.#at];
    if (byte === undefined) throw malformed('cut off');
    this.#at += 1;
    return byte;
  }
}
