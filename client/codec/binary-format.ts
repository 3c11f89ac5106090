/**
 * The binary codec's format: a byte for what follows, then lengths as LEB128 and the data, little-endian.
 *
 * 0x80-0xff are the whole numbers 0 to 127. Objects are names and values in their own order. A value that occurs twice is
 * written twice, as in JSON; a cyclic one is refused.
 */
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
  /** Text with half of a surrogate pair, which UTF-8 cannot say. */
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
  /** Then a kind, then its bytes. */
  bytes: 18,
} as const;

export const SMALL = 0x80;

/** Levels of nesting; both sides recurse. */
export const DEPTH_MAX = 500;
/** The largest encoding, written or inflated. */
export const BYTES_MAX = 64 * 1024 * 1024;

type BinaryConstructor = new (buffer: ArrayBuffer) => ArrayBufferView;

export interface BinaryKind {
  readonly name: string;
  readonly width: 1 | 2 | 4 | 8;
  readonly of: (buffer: ArrayBuffer) => object;
}

const view = (type: BinaryConstructor, width: 1 | 2 | 4 | 8): BinaryKind => ({
  name: type.name,
  width,
  of: (buffer) => new type(buffer),
});

/** The position is what is written: append only. */
export const KINDS: readonly BinaryKind[] = [
  { name: 'ArrayBuffer', width: 1, of: (buffer) => buffer },
  { name: 'Buffer', width: 1, of: (buffer) => Buffer.from(buffer) },
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

export const KIND_BY_NAME: ReadonlyMap<string, number> = new Map(KINDS.map(({ name }, kind) => [name, kind]));

/** Of bytes that stand in the order of this machine, those that are written, and back. */
export function littleEndian(bytes: Buffer, width: number): Buffer {
  if (!BIG_ENDIAN || width === 1) return bytes;
  return width === 2 ? bytes.swap16() : width === 4 ? bytes.swap32() : bytes.swap64();
}
const BIG_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;
