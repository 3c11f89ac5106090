/**
 * Encodes values as bytes, in the format of `binary-format.ts`. Nothing is lost silently: a value that cannot be
 * restored (functions, symbols, class instances, cycles) is rejected, and the error names the path to it.
 */
import { SerializationError } from '../api/errors.ts';
import { BYTES_MAX, bytesOf, DEPTH_MAX, KINDS, littleEndian, SMALL, TAG } from './binary-format.ts';
import { hasOnlyElements, hasOnlyNames, isBareObject, isPlainArray, isPlainObject } from './plain.ts';
import { isDate, isMap, isSet, nameOf, refusalOf, TOO_DEEP } from './refusal.ts';

/** Maximum length of strings that are copied in a loop. For short strings, this is faster than the native call. */
const SHORT = 24;
/** Size of the scratch buffer that is kept between calls. */
const KEPT = 64 * 1024;
/** Limit below which doubling an integer is exact. */
const EXACT = 2 ** 52;

let spare: Buffer | undefined;

/** Encodes a value. @throws SerializationError with the part of the value that cannot be stored */
export function writeBinary(value: unknown, maxBytes = BYTES_MAX): Buffer {
  const writer = new Writer(spare ?? Buffer.allocUnsafeSlow(KEPT), maxBytes);
  // A getter in the value may call this function again; the nested call must not get the same buffer.
  spare = undefined;
  try {
    writer.value(value, 0);
    return writer.finish();
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const refused = refusalOf(value, 'binary');
    throw refused === undefined ? error : new SerializationError(refused);
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
    if (isPlainArray(value)) this.#array(value, depth);
    else if (isPlainObject(value) || isBareObject(value)) this.#fields(value, depth);
    else if (isDate(value)) {
      assertOnly(value);
      this.#byte(TAG.date);
      this.#float(value.getTime());
    } else if (isMap(value)) this.#map(value, depth);
    else if (isSet(value)) this.#set(value, depth);
    else this.#bytes(value);
  }

  #map(value: ReadonlyMap<unknown, unknown>, depth: number): void {
    assertOnly(value);
    // The entries are copied, because a getter inside may change the Map while it is being written.
    const entries = [...value];
    this.#head(TAG.map, entries.length);
    for (const [key, entry] of entries) {
      this.value(key, depth);
      this.value(entry, depth);
    }
  }

  #set(value: ReadonlySet<unknown>, depth: number): void {
    assertOnly(value);
    const elements = [...value];
    this.#head(TAG.set, elements.length);
    for (const element of elements) this.value(element, depth);
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
    const { length } = value;
    let elements = 0;
    this.#head(TAG.array, length);
    // Writing a huge sparse array stops at the size limit, not after its last index.
    for (let i = 0; i < length; i++) {
      const element = value[i];
      if (element === undefined && !(i in value)) this.#byte(TAG.hole);
      else {
        elements += 1;
        this.value(element, depth);
      }
    }
    if (!hasOnlyElements(value, elements))
      throw new SerializationError('An array with named properties cannot be stored');
  }

  #fields(value: Record<string, unknown>, depth: number): void {
    const names = Object.keys(value);
    if (!hasOnlyNames(value, names.length)) throw new SerializationError(HIDDEN);
    this.#head(isBareObject(value) ? TAG.bareObject : TAG.object, names.length);
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
      // Zigzag encoding: the sign is the last bit, so small negative numbers are short.
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

const HIDDEN = 'Hidden and symbol-named properties cannot be stored';

/** Checks that a value has no properties other than its entries. @throws SerializationError if it has others */
function assertOnly(value: object): void {
  if (!hasOnlyNames(value, 0)) throw new SerializationError(HIDDEN);
}
