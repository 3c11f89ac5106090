/** Header of a regular file in a tar archive (ustar), with mode 0600, owner root and modification time 0. Pure. */

export const BLOCK_BYTES = 512;
/** Maximum size that eleven octal digits can express; larger sizes are stored in binary (GNU tar, star). */
const MAX_OCTAL = 8 ** 11 - 1;

/** Returns the header. The name has at most 100 bytes, the limit of the oldest tar format, so that every tar reads it. */
export function tarHeader(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`'${name}' must be at most 100 bytes`);
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o600, 7), 100); // mode
  header.write(octal(0, 7), 108); // uid
  header.write(octal(0, 7), 116); // gid
  if (size <= MAX_OCTAL) {
    header.write(octal(size, 11), 124);
  } else {
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write(octal(0, 11), 136); // modification time
  header.write('0', 156); // a regular file
  header.write('ustar\x0000', 257);
  header.write(`${octal(tarChecksum(header), 6)} `, 148);
  return header;
}

/** Returns the checksum of a header, computed with the checksum field itself filled with spaces. */
export function tarChecksum(header: Buffer): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}

/** Returns the zeros that fill the last block of a file. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc(-size & (BLOCK_BYTES - 1));
}
