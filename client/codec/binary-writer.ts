/**
 * Values to bytes, in the format of `binary-format.ts`. Nothing is lost silently: what would not read back the same
 * (functions, symbols, class instances, cycles) is refused with the path to it.
 */
import { types } from 'node:util';
import { SerializationError } from '../errors.ts';
import { BYTES_MAX, DEPTH_MAX, KIND_BY_NAME, KINDS, littleEndian, SMALL, TAG } from './binary-format.ts';

/** Texts up to here are copied by a loop, which beats the call into native code. */
const SHORT = 24;
/** A scratch buffer of this size is kept between calls. */
const KEPT = 64 * 1024;
/** Doubled, a whole number below it is still exact. */
const EXACT = 2 ** 52;

let spare: Buffer | undefined;

/** @throws SerializationError names the part of the value that cannot be stored */
export function writeBinary(value: unknown, maxBytes = BYTES_MAX): Buffer {
  const writer = new Writer(spare ?? Buffer.allocUnsafeSlow(KEPT), maxBytes);
  // A getter may come back here: it then gets a buffer of its own.
  spare = undefined;
  try {
    writer.value(value, 0);
    return writer.finish();
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const refused = offender(value, [], new Set(), new Set());
    throw refused ? new SerializationError(`${refused.path}: ${refused.why}`) : error;
  } finally {
    spare = writer.scratch();
  }
}

class Writer {
  #buffer: Buffer;
  #at = 0;
  readonly #maxBytes: number;

  constructor(buffer: Buffer, maxBytes: number) {
    this.#buffer = buffer;
    this.#maxBytes = maxBytes;
  }

  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  scratch(): Buffer | undefined {
    return this.#buffer.length <= KEPT ? this.#buffer : undefined;
  }

  value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.#text(value);
        break;
      case 'number':
        this.#number(value);
        break;
      case 'boolean':
        this.#byte(value ? TAG.true : TAG.false);
        break;
      case 'undefined':
        this.#byte(TAG.undefined);
        break;
      case 'bigint':
        this.#bigint(value);
        break;
      case 'object':
        if (value === null) this.#byte(TAG.null);
        else this.#object(value, depth + 1);
        break;
      default:
        throw new SerializationError(`A ${typeof value} cannot be stored`);
    }
  }

  #object(value: object, depth: number): void {
    if (depth > DEPTH_MAX) throw new SerializationError(TOO_DEEP);
    if (isArray(value)) this.#array(value, depth);
    else if (isPlain(value)) this.#fields(value, depth);
    else if (isDate(value)) {
      this.#byte(TAG.date);
      this.#float(value.getTime());
    } else if (isMap(value)) {
      this.#head(TAG.map, value.size);
      for (const [key, entry] of value) {
        this.value(key, depth);
        this.value(entry, depth);
      }
    } else if (isSet(value)) {
      this.#head(TAG.set, value.size);
      for (const entry of value) this.value(entry, depth);
    } else this.#bytes(value);
  }

  #bytes(value: object): void {
    const bytes = bytesOf(value);
    if (!bytes) throw new SerializationError(`A ${nameOf(value)} cannot be stored`);
    this.#head(TAG.bytes, bytes.kind);
    const { width } = KINDS[bytes.kind] as (typeof KINDS)[number];
    const length = bytes.content.byteLength;
    this.#varint(length);
    this.#reserve(length);
    this.#buffer.set(bytes.content, this.#at);
    littleEndian(this.#buffer.subarray(this.#at, this.#at + length), width);
    this.#at += length;
  }

  #array(value: readonly unknown[], depth: number): void {
    this.#head(TAG.array, value.length);
    // A sparse giant ends at the size limit and not after its last index.
    for (let i = 0; i < value.length; i++) {
      const element = value[i];
      if (element === undefined && !(i in value)) this.#byte(TAG.hole);
      else this.value(element, depth);
    }
  }

  #fields(value: Record<string, unknown>, depth: number): void {
    const names = Object.keys(value);
    this.#head(Object.getPrototypeOf(value) === null ? TAG.bareObject : TAG.object, names.length);
    for (const name of names) {
      this.#text(name);
      this.value(value[name], depth);
    }
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || Math.abs(value) >= EXACT || Object.is(value, -0)) {
      this.#byte(TAG.float);
      this.#float(value);
    } else if (value >= 0 && value < SMALL) this.#byte(SMALL | value);
    else {
      // Zigzag: the sign in the last bit, so that small negative numbers are short.
      this.#byte(TAG.integer);
      this.#varint(value < 0 ? -value * 2 - 1 : value * 2);
    }
  }

  #float(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#at);
    this.#at += 8;
  }

  #bigint(value: bigint): void {
    const hex = (value < 0n ? -value : value).toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    this.#head(value < 0n ? TAG.negativeBigint : TAG.bigint, bytes.length);
    this.#reserve(bytes.length);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  #text(text: string): void {
    const { length } = text;
    if (length <= SHORT && this.#shortAscii(text)) return;
    const bytes = Buffer.byteLength(text);
    if (bytes === length) this.#encoded(TAG.ascii, text, 'latin1', length);
    else if (text.isWellFormed()) this.#encoded(TAG.utf8, text, 'utf8', bytes);
    else this.#encoded(TAG.utf16, text, 'utf16le', length * 2);
  }

  #encoded(tag: number, text: string, encoding: 'latin1' | 'utf8' | 'utf16le', bytes: number): void {
    this.#head(tag, bytes);
    this.#reserve(bytes);
    this.#at += this.#buffer.write(text, this.#at, bytes, encoding);
  }

  #shortAscii(text: string): boolean {
    const { length } = text;
    this.#reserve(length + 2);
    const buffer = this.#buffer;
    let at = this.#at;
    buffer[at++] = TAG.ascii;
    buffer[at++] = length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #head(tag: number, count: number): void {
    this.#byte(tag);
    this.#varint(count);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = byte;
  }

  #varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    if (needed > this.#maxBytes)
      throw new SerializationError(`The value is larger than ${this.#maxBytes} bytes`);
    const larger = Buffer.allocUnsafeSlow(
      Math.max(needed, Math.min(this.#buffer.length * 2, this.#maxBytes)),
    );
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

const TOO_DEEP = `Nested deeper than ${DEPTH_MAX} levels`;

function nameOf(value: object): string {
  const type: unknown = value.constructor;
  return typeof type === 'function' && type.name !== '' ? type.name : 'class instance';
}

// By name where the prototype is another realm's. A subclass would come back as its base: it is none of these.
const isArray = (value: object): value is unknown[] =>
  Array.isArray(value) && (Object.getPrototypeOf(value) === Array.prototype || nameOf(value) === 'Array');
const isMap = (value: object): value is Map<unknown, unknown> =>
  types.isMap(value) && nameOf(value) === 'Map';
const isSet = (value: object): value is Set<unknown> => types.isSet(value) && nameOf(value) === 'Set';
const isDate = (value: object): value is Date => types.isDate(value) && nameOf(value) === 'Date';

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === Object.prototype ||
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf'))
  );
}

/** undefined: nothing that is made of bytes. */
function bytesOf(value: object): { readonly kind: number; readonly content: Uint8Array } | undefined {
  const kind = KIND_BY_NAME.get(nameOf(value));
  if (kind === undefined) return undefined;
  if (ArrayBuffer.isView(value))
    return { kind, content: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
  return types.isArrayBuffer(value) ? { kind, content: new Uint8Array(value) } : undefined;
}

/** The part that made the writing fail, looked for only then: its path, and whether it holds itself. */
function offender(
  value: unknown,
  path: readonly string[],
  above: ReadonlySet<object>,
  cleared: Set<object>,
): { readonly path: string; readonly why: string } | undefined {
  const here = path.length === 0 ? 'The value' : `The value at ${path.slice(0, 8).join('')}`;
  if (typeof value === 'function' || typeof value === 'symbol')
    return { path: here, why: `a ${typeof value} cannot be stored` };
  if (typeof value !== 'object' || value === null) return undefined;
  if (above.has(value)) return { path: here, why: 'holds itself; a cyclic value cannot be stored' };
  if (above.size >= DEPTH_MAX) return { path: here, why: TOO_DEEP };
  // What is shared by many is looked at once.
  if (cleared.has(value)) return undefined;
  const parts = partsOf(value);
  const inside = new Set(above).add(value);
  for (const [step, part] of parts ?? []) {
    const found = offender(part, [...path, step], inside, cleared);
    if (found) return found;
  }
  cleared.add(value);
  return parts || bytesOf(value) || isDate(value)
    ? undefined
    : { path: here, why: `a ${nameOf(value)} cannot be stored; store plain data` };
}

/** undefined: it has none, or is nothing that can be stored. */
function partsOf(value: object): readonly (readonly [string, unknown])[] | undefined {
  if (isArray(value))
    return Array.from({ length: Math.min(value.length, 10_000) }, (_, i) => [`[${i}]`, value[i]]);
  if (isMap(value))
    return [...value].flatMap(
      ([key, part]) =>
        [
          [' a key', key],
          [' a value of the Map', part],
        ] as const,
    );
  if (isSet(value)) return [...value].map((part) => [' an element of the Set', part]);
  return isPlain(value) ? Object.keys(value).map((name) => [`.${name}`, value[name]]) : undefined;
}
