/**
 * Reads a node's data on disk as its server would load it: the append-only file if `appendonly` is on, else the
 * snapshot. Changes nothing; reads files in pieces.
 */
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { splitArguments } from '../redis/conf/text.ts';
import { type AofFile, type AofScan, AofScanner, parseManifest } from './aof.ts';
import type { NodeData } from './choose.ts';
import type { Position } from './compare.ts';
import { type RdbScan, RdbScanner } from './rdb.ts';

/** Names inside the node's `dir`, as set in redis.conf. */
export interface DataNames {
  readonly appendonly: boolean;
  readonly appenddirname: string;
  readonly appendfilename: string;
  readonly dbfilename: string;
}

export function dataNames({ appendonly, extra }: EnvironmentConfig['redis']): DataNames {
  const named = (directive: string, otherwise: string) =>
    splitArguments(extra[directive] ?? '')?.[0] ?? otherwise;
  return {
    appendonly,
    appenddirname: named('appenddirname', 'appendonlydir'),
    appendfilename: named('appendfilename', 'appendonly.aof'),
    dbfilename: named('dbfilename', 'dump.rdb'),
  };
}

/** Reads the data of a node. @param dir the node's data directory, which may be absent */
export async function readNodeData(nodeId: string, dir: string, names: DataNames): Promise<NodeData> {
  return names.appendonly ? readAppendOnly(nodeId, dir, names) : readSnapshot(nodeId, dir, names);
}

async function readSnapshot(nodeId: string, dir: string, { dbfilename }: DataNames): Promise<NodeData> {
  const path = join(dir, dbfilename);
  if (!existsSync(path)) return { nodeId, state: 'empty' };
  const scan = await scanRdb(path);
  if (scan.problem !== undefined)
    return { nodeId, state: 'damaged', file: dbfilename, problem: scan.problem };
  if (scan.keys === 0) return { nodeId, state: 'empty' };
  return {
    nodeId,
    state: 'usable',
    source: 'snapshot',
    bytes: sizeOf(path),
    position: positionOf(scan),
    isTruncated: false,
  };
}

async function readAppendOnly(nodeId: string, dir: string, names: DataNames): Promise<NodeData> {
  const { appenddirname, appendfilename, dbfilename } = names;
  const [folder, manifest] = [join(dir, appenddirname), `${appendfilename}.manifest`];
  const damaged = (file: string, problem: string): NodeData => ({ nodeId, state: 'damaged', file, problem });
  if (!existsSync(join(folder, manifest))) {
    const files = existsSync(folder) ? readdirSync(folder) : [];
    // Without a manifest, the server starts empty, even if other files exist.
    if (files.length > 0)
      return damaged(join(appenddirname, manifest), 'is missing: the server would start without data');
    if (existsSync(join(dir, appendfilename))) return readOneFile(nodeId, dir, appendfilename);
    const hasSnapshot = existsSync(join(dir, dbfilename));
    const note = `${dbfilename} exists; with appendonly yes the server does not load it`;
    return { nodeId, state: 'empty', ...(hasSnapshot && { note }) };
  }
  const files = parseManifest(readFileSync(join(folder, manifest), 'utf8'), splitArguments);
  if (files === undefined) return damaged(join(appenddirname, manifest), 'is not a valid manifest');
  return readFiles(nodeId, folder, files);
}

/** Reads the files of a manifest, in loading order. Only the last one may be truncated. */
async function readFiles(nodeId: string, folder: string, files: readonly AofFile[]): Promise<NodeData> {
  const commands: Uint32Array[] = [];
  let bytes = 0;
  let hasKeysInBase = false;
  let isTruncated = false;
  for (const [i, { name, type }] of files.entries()) {
    const path = join(folder, name);
    const damaged = (problem: string): NodeData => ({ nodeId, state: 'damaged', file: name, problem });
    if (!existsSync(path)) return damaged('is listed in the manifest and missing');
    bytes += sizeOf(path);
    const isRdb = type === 'base' && (await isSnapshot(path));
    const scan = isRdb ? await scanRdb(path) : await scanAof(path);
    if (scan.problem !== undefined) return damaged(scan.problem);
    if ('digests' in scan) {
      isTruncated = scan.isTruncated;
      if (isTruncated && i < files.length - 1) return damaged('is truncated and not the last file');
      commands.push(scan.digests);
    } else {
      hasKeysInBase ||= scan.keys !== 0;
    }
  }
  const digests = joinParts(commands);
  if (digests.length === 0 && !hasKeysInBase) return { nodeId, state: 'empty' };
  const position: Position = { kind: 'commands', digests, isComplete: !hasKeysInBase };
  return { nodeId, state: 'usable', source: 'append-only file', bytes, position, isTruncated };
}

function joinParts(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Reads the single append-only file that servers before 7.0 write and that a newer server converts on startup: a
 * snapshot, then commands.
 */
function readOneFile(nodeId: string, dir: string, name: string): NodeData {
  const position: Position = { kind: 'unknown' };
  return {
    nodeId,
    state: 'usable',
    source: 'append-only file',
    bytes: sizeOf(join(dir, name)),
    position,
    isTruncated: false,
  };
}

function positionOf({ replicationId, replicationOffset }: RdbScan): Position {
  if (replicationId === undefined || replicationOffset === undefined) return { kind: 'unknown' };
  return { kind: 'offset', replicationId, offset: replicationOffset };
}

async function scanRdb(path: string): Promise<RdbScan> {
  const scanner = new RdbScanner();
  await feedFile(path, (piece) => scanner.push(piece));
  return scanner.end();
}

async function scanAof(path: string): Promise<AofScan> {
  const scanner = new AofScanner();
  await feedFile(path, (piece) => scanner.push(piece));
  return scanner.end();
}

async function isSnapshot(path: string): Promise<boolean> {
  let head = '';
  for await (const piece of createReadStream(path, { end: 5 })) head += (piece as Buffer).toString('latin1');
  return /^(REDIS|VALKEY)/.test(head);
}

async function feedFile(path: string, take: (piece: Uint8Array) => void): Promise<void> {
  for await (const piece of createReadStream(path, { highWaterMark: 1024 ** 2 })) take(piece as Buffer);
}

function sizeOf(path: string): number {
  return statSync(path).size;
}
