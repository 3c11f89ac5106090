/**
 * MurmurHash3 x86 32 (Austin Appleby, public domain) of the UTF-8 bytes of a string, seed 0. Decision page 065 compares
 * it with libraries; `test/canary/assignment.test.ts` has the published vectors.
 */

const encoder = new TextEncoder();
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** Reused for every hash, so hashing allocates nothing. Each UTF-16 code unit of a text takes at most three bytes. */
const scratch = new Uint8Array(1024);

/** Returns the hash, an unsigned 32-bit integer. */
export function murmur3(text: string, seed = 0): number {
  if (text.length * 3 > scratch.length) {
    const bytes = encoder.encode(text);
    return hashBytes(bytes, bytes.length, seed);
  }
  return hashBytes(scratch, encodeShort(text), seed);
}

/** Writes the bytes into `scratch`. ASCII text does not need the encoder, which is slower for short texts. */
function encodeShort(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encoder.encodeInto(text, scratch).written;
    scratch[i] = code;
  }
  return text.length;
}

function hashBytes(bytes: Uint8Array, length: number, seed: number): number {
  let hash = seed | 0;
  const blocks = length & ~3;
  for (let i = 0; i < blocks; i += 4) {
    const block = byteAt(bytes, i) | (byteAt(bytes, i + 1) << 8) | (byteAt(bytes, i + 2) << 16);
    hash ^= mixBlock(block | (byteAt(bytes, i + 3) << 24));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = length - 1; i >= blocks; i--) tail = (tail << 8) | byteAt(bytes, i);
  if (length > blocks) hash ^= mixBlock(tail);
  return finalize(hash ^ length);
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

function mixBlock(block: number): number {
  const mixed = Math.imul(block, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

function finalize(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
