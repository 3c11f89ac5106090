/**
 * A tar archive of a few large files, written and read as streams: `tar xf` reads a backup without the kit. Left out:
 * everything other than regular files. For small files on Docker see `substrates/docker/archive.ts`.
 */
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { BLOCK_BYTES, tarChecksum, tarHeader, tarPadding } from '../host/tar-header.ts';

export interface TarSource {
  readonly name: string;
  /** Path of the file whose content is stored, or the content itself. */
  readonly content: { readonly path: string } | { readonly text: string };
}

/** An entry of an archive on disk. */
export interface TarEntry {
  readonly name: string;
  readonly start: number;
  readonly bytes: number;
}

/** Writes the archive; mode 0600. Replaces an existing file. */
export async function writeTar(path: string, sources: readonly TarSource[]): Promise<void> {
  async function* blocks(): AsyncGenerator<Uint8Array> {
    for (const { name, content } of sources) {
      const text = 'text' in content ? Buffer.from(content.text) : undefined;
      const size = text?.length ?? statSync('path' in content ? content.path : path).size;
      yield tarHeader(name, size);
      if ('path' in content) yield* createReadStream(content.path);
      else if (text !== undefined) yield text;
      yield tarPadding(size);
    }
    yield Buffer.alloc(2 * BLOCK_BYTES);
  }
  await pipeline(blocks, createWriteStream(path, { mode: 0o600, flush: true }));
}

/** Lists the regular files of an archive. Returns undefined if the file is not an archive, or is incomplete. */
export async function listTar(path: string): Promise<readonly TarEntry[] | undefined> {
  await using file = await open(path);
  const { size } = await file.stat();
  const entries: TarEntry[] = [];
  const header = Buffer.alloc(BLOCK_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(header, 0, BLOCK_BYTES, at);
    if (bytesRead < BLOCK_BYTES) return undefined;
    if (header.every((byte) => byte === 0)) return entries;
    const entry = parseHeader(header, at + BLOCK_BYTES);
    if (entry === undefined || entry.start + entry.bytes > size) return undefined;
    entries.push(entry);
    at = entry.start + Math.ceil(entry.bytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

export function readEntry(path: string, { start, bytes }: TarEntry): AsyncIterable<Buffer> {
  if (bytes === 0) return emptyStream();
  return createReadStream(path, { start, end: start + bytes - 1, highWaterMark: 256 * 1024 });
}

async function* emptyStream(): AsyncGenerator<Buffer> {
  // An empty range cannot be expressed: `end` is inclusive.
}

function parseHeader(header: Buffer, start: number): TarEntry | undefined {
  if (header.toString('latin1', 257, 262) !== 'ustar') return undefined;
  if (Number.parseInt(header.toString('latin1', 148, 154), 8) !== tarChecksum(header)) return undefined;
  const end = header.indexOf(0);
  const name = header.toString('utf8', 0, Math.min(end === -1 ? 100 : end, 100));
  const isBinary = (header.readUInt8(124) & 0x80) !== 0;
  const bytes = isBinary
    ? Number(header.readBigUInt64BE(128))
    : Number.parseInt(header.toString('latin1', 124, 135), 8);
  return Number.isSafeInteger(bytes) && bytes >= 0 ? { name, start, bytes } : undefined;
}
