/** Append-only files and snapshots are read in the same way as a server loads them. A real server wrote the files. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AofScanner, parseManifest } from '../../../infra/recovery/aof.ts';
import { RdbScanner } from '../../../infra/recovery/rdb.ts';
import { readNodeData } from '../../../infra/recovery/read.ts';
import { splitArguments } from '../../../infra/redis/conf/text.ts';
import { RedisProcess, replicated, waitUntil } from '../../support/redis-process.ts';

const command = (...args: string[]) =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;

function scanOf(text: string, pieceBytes = Number.POSITIVE_INFINITY) {
  const bytes = Buffer.from(text, 'latin1');
  const scanner = new AofScanner();
  for (let at = 0; at < bytes.length; at += pieceBytes) scanner.push(bytes.subarray(at, at + pieceBytes));
  return scanner.end();
}

describe('an append-only file', () => {
  const whole = [
    command('SELECT', '0'),
    command('SET', 'a', '1'),
    '#TS:1700000000\r\n',
    command('SET', 'b', '2'),
  ].join('');

  it('has one digest per command except SELECT, regardless of how it is split into chunks', () => {
    const scan = scanOf(whole);
    expect(scan).toMatchObject({ validBytes: whole.length, isTruncated: false });
    expect(scan.digests).toHaveLength(2);
    for (const pieceBytes of [1, 2, 3, 7]) expect(scanOf(whole, pieceBytes)).toEqual(scan);
  });

  it('has different digests for the same text in another database or with other argument boundaries', () => {
    const digests = [
      command('SET', 'ab', 'c'),
      command('SET', 'a', 'bc'),
      command('SET', 'abc', ''),
      command('SELECT', '3') + command('SET', 'ab', 'c'),
    ].map((text) => scanOf(text).digests[0]);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('marks the digests of commands that contain a time in ms', () => {
    const at = '1700000000123';
    const timed = [command('SET', 'a', '1', 'PXAT', at), command('PEXPIREAT', 'a', at)].map(
      (text) => scanOf(text).digests[0],
    );
    const others = [
      command('SET', 'a', '1'),
      command('SET', 'pxat', at),
      command('INCR', 'a'),
      command('DEL', 'b'),
    ];
    expect(timed.map((digest) => (digest ?? 0) % 2)).toEqual([1, 1]);
    expect(others.map((text) => (scanOf(text).digests[0] ?? 1) % 2)).toEqual([0, 0, 0, 0]);
  });

  it('keeps all complete commands if it is truncated within the last one', () => {
    const before = whole.length;
    for (let cut = 1; cut < command('INCR', 'c').length; cut += 1) {
      const scan = scanOf(whole + command('INCR', 'c').slice(0, cut));
      expect(scan).toMatchObject({ validBytes: before, isTruncated: true });
      expect(scan.digests).toHaveLength(2);
    }
  });

  it('is read without a transaction that lacks its EXEC, but with all complete transactions', () => {
    const open = command('MULTI') + command('SET', 'c', '3') + command('SET', 'd', '4');
    expect(scanOf(whole + open)).toMatchObject({ validBytes: whole.length, isTruncated: true });
    expect(scanOf(whole + open).digests).toHaveLength(2);
    expect(scanOf(whole + open + command('EXEC')).digests).toHaveLength(4);
  });

  it.each([
    ['zeros at its end, as a power cut leaves them', `${whole}${'\0'.repeat(600)}`],
    ['a command that does not begin with a star', `${whole}SET c 3\r\n`],
    ['an argument without its dollar sign', `${whole}*1\r\n+3\r\nINC\r\n`],
    ['an argument that is longer than its declared length', `${whole}*2\r\n$3\r\nINCR\r\n$1\r\nc\r\n`],
    ['a command without arguments', `${whole}*0\r\n`],
  ])('is rejected with %s', (_what, text) => {
    expect(scanOf(text).problem).toMatch(new RegExp(`, after ${whole.length} valid bytes$`));
  });

  it('has a manifest that lists its files: the base, then the increments by number', () => {
    const parse = (text: string) => parseManifest(text, splitArguments);
    expect(
      parse(
        [
          'file a.2.base.rdb seq 2 type b',
          'file a.1.incr.aof seq 1 type h',
          'file a.3.incr.aof seq 3 type i startoffset 100 endoffset 200',
          'file "a 2.incr.aof" seq 2 type i',
          '',
        ].join('\n'),
      ),
    ).toEqual([
      { name: 'a.2.base.rdb', type: 'base' },
      { name: 'a 2.incr.aof', type: 'increment' },
      { name: 'a.3.incr.aof', type: 'increment' },
    ]);
    for (const bad of [
      '',
      'file a seq 1',
      'file ../a seq 1 type i',
      'file a seq 0 type i',
      'file a seq 1 type x',
    ]) {
      expect(parse(bad), bad).toBeUndefined();
    }
  });
});

describe('a snapshot of a real server', () => {
  let dir: string;
  let snapshot: Buffer;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kit-rdb-'));
    await using redis = await RedisProcess.start({ conf: ['repl-backlog-size 1mb'] });
    await using replica = await RedisProcess.start({
      host: '127.61.0.2',
      conf: [`replicaof ${redis.address.host} ${redis.address.port}`],
    });
    const admin = redis.admin();
    await admin.call(
      'FUNCTION',
      'LOAD',
      "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
    );
    for (let i = 0; i < 100; i += 1) await admin.set(`key:${i}`, 'x'.repeat(i));
    await admin.select(5);
    await admin.set('other', 'database');
    await replicated(admin, 1);
    await replica.admin().save();
    const [, folder = ''] = (await replica.admin().config('GET', 'dir')) as string[];
    snapshot = readFileSync(join(folder, 'dump.rdb'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const scan = (bytes: Buffer, pieceBytes = bytes.length) => {
    const scanner = new RdbScanner();
    for (let at = 0; at < bytes.length; at += pieceBytes) scanner.push(bytes.subarray(at, at + pieceBytes));
    return scanner.end();
  };

  it('has a valid checksum, a replication offset, and keys', () => {
    const facts = scan(snapshot);
    expect(facts).toMatchObject({ replicationId: expect.stringMatching(/^[0-9a-f]{40}$/), keys: 100 });
    expect(facts.problem).toBeUndefined();
    expect(facts.replicationOffset).toBeGreaterThan(1_000);
    for (const pieceBytes of [1, 5, 8, 9, 1_000]) expect(scan(snapshot, pieceBytes)).toEqual(facts);
  });

  it('is rejected if any byte is changed, or if it is truncated anywhere', () => {
    for (let at = 9; at < snapshot.length; at += 97) {
      const changed = Buffer.from(snapshot);
      changed[at] = (changed[at] as number) ^ 0x40;
      expect(scan(changed).problem, `byte ${at}`).toMatch(/checksum|cut off/);
    }
    for (let length = 10; length < snapshot.length; length += 101) {
      expect(scan(snapshot.subarray(0, length)).problem, `${length} bytes`).toMatch(/truncated|checksum/);
    }
    expect(scan(Buffer.from('not a snapshot at all')).problem).toMatch(/magic string REDIS is missing/);
  });

  it('is the data of a node if appendonly is off, and is not loaded if appendonly is on', async () => {
    writeFileSync(join(dir, 'dump.rdb'), snapshot);
    const names = {
      appendonly: false,
      appenddirname: 'appendonlydir',
      appendfilename: 'appendonly.aof',
      dbfilename: 'dump.rdb',
    };
    expect(await readNodeData('redis-1', dir, names)).toMatchObject({
      state: 'usable',
      source: 'snapshot',
      bytes: snapshot.length,
      position: { kind: 'offset' },
    });
    expect(await readNodeData('redis-1', dir, { ...names, appendonly: true })).toEqual({
      nodeId: 'redis-1',
      state: 'empty',
      note: 'dump.rdb exists; with appendonly yes the server does not load it',
    });
    expect(await readNodeData('redis-1', join(dir, 'absent'), names)).toEqual({
      nodeId: 'redis-1',
      state: 'empty',
    });
  });
});

describe('an append-only directory of a real server', () => {
  const names = {
    appendonly: true,
    appenddirname: 'appendonlydir',
    appendfilename: 'appendonly.aof',
    dbfilename: 'dump.rdb',
  };
  let dir: string;
  let folder: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kit-aof-'));
    folder = join(dir, 'appendonlydir');
    await using redis = await RedisProcess.start({ conf: ['appendonly yes', 'appendfsync always'] });
    const admin = redis.admin();
    for (let i = 0; i < 50; i += 1) await admin.set(`key:${i}`, 'value');
    await admin.bgrewriteaof();
    await waitUntil('the rewrite to end', async () =>
      (await admin.info('persistence')).includes('aof_rewrite_in_progress:0'),
    );
    for (let i = 0; i < 50; i += 1) await admin.incr('counter');
    const [, from = ''] = (await admin.config('GET', 'dir')) as string[];
    execFileSync('cp', ['-r', join(from, 'appendonlydir'), dir]);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const data = () => readNodeData('redis-1', dir, names);
  const manifest = () =>
    parseManifest(readFileSync(join(folder, 'appendonly.aof.manifest'), 'utf8'), splitArguments) ?? [];
  const fileOf = (type: 'base' | 'increment') =>
    join(folder, manifest().find((file) => file.type === type)?.name ?? '');

  /** Changes a file for the duration of one inspection. */
  async function withChanged(
    path: string,
    change: (bytes: Buffer) => Buffer | undefined,
    look: () => Promise<void>,
  ) {
    const before = readFileSync(path);
    copyFileSync(path, join(dir, 'kept'));
    const after = change(before);
    if (after === undefined) rmSync(path);
    else writeFileSync(path, after);
    try {
      await look();
    } finally {
      copyFileSync(join(dir, 'kept'), path);
    }
  }

  it('is usable, with the commands since the last rewrite', async () => {
    const found = await data();
    expect(found).toMatchObject({ state: 'usable', source: 'append-only file', isTruncated: false });
    if (found.state !== 'usable' || found.position.kind !== 'commands') throw new Error('not as expected');
    expect(found.position.digests).toHaveLength(50);
  });

  it('is damaged if the server would refuse it, or would load less than it contains', async () => {
    const base = fileOf('base');
    const increment = fileOf('increment');
    const middle = (bytes: Buffer) => {
      const changed = Buffer.from(bytes);
      changed.write('garbage', Math.floor(bytes.length / 2));
      return changed;
    };
    const damaged = async (problem: RegExp) =>
      expect(await data()).toMatchObject({ state: 'damaged', problem: expect.stringMatching(problem) });
    await withChanged(increment, middle, () => damaged(/valid bytes/));
    await withChanged(base, middle, () => damaged(/checksum/));
    await withChanged(
      increment,
      () => undefined,
      () => damaged(/is listed in the manifest and missing/),
    );
    await withChanged(
      join(folder, 'appendonly.aof.manifest'),
      () => undefined,
      () => damaged(/would start without data/),
    );
    await withChanged(
      join(folder, 'appendonly.aof.manifest'),
      () => Buffer.from('file x\n'),
      () => damaged(/not a valid manifest/),
    );
    await withChanged(
      increment,
      (bytes) => bytes.subarray(0, -3),
      async () => expect(await data()).toMatchObject({ state: 'usable', isTruncated: true }),
    );
  });
});
