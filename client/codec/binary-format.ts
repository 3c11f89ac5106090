/**
 * Format of the binary codec: a type byte, followed by lengths as LEB128 and the data, little-endian.
 *
 * The bytes 0x80 to 0xff represent the whole numbers 0 to 127. An object is written as its property names and values,
 * in the order in which the object has them. A value that occurs twice is written twice, as in JSON; a cyclic value is
 * rejected.
 */
import { isDeepStrictEqual, types } from 'node:util';
import { hasOnlyNames } from './plain.ts';

export const TAG = {
  null: 0,
  undefined: 1,
  false: 2,
  true: 3,
  hole: 4,
  /** Zigzag varint of a safe integer. */
  integer: 5,
  float: 6,
  ascii: 7,
  utf8: 8,
  /** Text with a lone surrogate, which UTF-8 cannot encode. */
  utf16: 9,
  bigint: 10,
  negativeBigint: 11,
  date: 12,
  array: 13,
  object: 14,
  /** An object without a prototype. */
  bareObject: 15,
  map: 16,
  set: 17,
  /** Followed by the kind of bytes, then the bytes themselves. */
  bytes: 18,
} as const;

export const SMALL = 0x80;

/** Maximum nesting depth, limited because the writer and the reader are recursive. */
export const DEPTH_MAX = 500;
/** Maximum size of an encoded value in bytes, when written or after inflation. */
export const BYTES_MAX = 64 * 1024 * 1024;

type BinaryConstructor = { readonly prototype: object } & (new (buffer: ArrayBuffer) => ArrayBufferView);

export interface BinaryKind {
  readonly name: string;
  readonly prototype: object;
  readonly width: 1 | 2 | 4 | 8;
  readonly of: (buffer: ArrayBuffer) => object;
}

const view = (type: BinaryConstructor, width: 1 | 2 | 4 | 8): BinaryKind => ({
  name: type.name,
  prototype: type.prototype,
  width,
  of: (buffer) => new type(buffer),
});

/** Kinds of bytes. Encoded values contain indexes into this list, so it is append-only. */
export const KINDS: readonly BinaryKind[] = [
  { name: 'ArrayBuffer', prototype: ArrayBuffer.prototype, width: 1, of: (buffer) => buffer },
  { name: 'Buffer', prototype: Buffer.prototype, width: 1, of: (buffer) => Buffer.from(buffer) },
  view(Uint8Array, 1),
  view(Uint8ClampedArray, 1),
  view(Int8Array, 1),
  view(Uint16Array, 2),
  view(Int16Array, 2),
  view(Uint32Array, 4),
  view(Int32Array, 4),
  view(Float32Array, 4),
  view(Float64Array, 8),
  view(BigUint64Array, 8),
  view(BigInt64Array, 8),
  view(DataView, 1),
];

/**
 * Kinds by prototype. Prototypes are compared rather than names, because a subclass, or a class from another realm, may
 * have the same name, but would be read back as one of these classes.
 */
const KIND_BY_PROTOTYPE: ReadonlyMap<unknown, number> = new Map(
  KINDS.map(({ prototype }, kind) => [prototype, kind]),
);

/**
 * Returns the bytes of an ArrayBuffer, typed array or DataView; undefined if the object is none of these, or if it
 * cannot be restored from its bytes alone: a subclass, additional properties, a resizable length, or memory that was
 * transferred or is shared (SharedArrayBuffer).
 */
export function bytesOf(value: object): { readonly kind: number; readonly content: Uint8Array } | undefined {
  const kind = KIND_BY_PROTOTYPE.get(Object.getPrototypeOf(value));
  if (kind === undefined) return undefined;
  try {
    if (types.isTypedArray(value)) {
      const content = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      // Compares the array with a view of the same memory: only its named properties can differ. JavaScript has no
      // cheaper way to find named properties.
      return isDeepStrictEqual(value, value.subarray()) ? { kind, content } : undefined;
    }
    if (!hasOnlyNames(value, 0)) return undefined;
    if (types.isDataView(value))
      return { kind, content: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
    return types.isArrayBuffer(value) && !value.resizable
      ? { kind, content: new Uint8Array(value) }
      : undefined;
  } catch {
    // The memory was transferred.
    return undefined;
  }
}

/** Converts bytes from this machine's byte order to the stored byte order, and back. */
export function littleEndian(bytes: Buffer, width: number): Buffer {
  if (!BIG_ENDIAN || width === 1) return bytes;
  return width === 2 ? bytes.swap16() : width === 4 ? bytes.swap32() : bytes.swap64();
}
const BIG_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;
