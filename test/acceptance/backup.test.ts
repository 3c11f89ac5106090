/** `kit backup`, `kit backup verify` and `kit restore` on one environment of local processes. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { readKeyFile } from '../../infra/backup/cipher.ts';
import { openBackup, readManifest } from '../../infra/backup/open.ts';
import { planRestore, type RestoreReport } from '../../infra/backup/restore.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { findServerProgram, substrateOf } from '../../infra/substrates/registry.ts';
import { CliHarness } from '../support/cli-harness.ts';

const KEYS = 2_000;
const DAY_MS = 86_400_000;

let cli: CliHarness;
let file: string;
let redis: Redis;
let plain: string;
let encrypted: string;
beforeAll(async () => {
  cli = new CliHarness();
  file = cli.writeEnvironment('kept', {
    'sentinel.watchdog': false,
    // Keeps a busy machine from causing a failover or a rejected write.
    'sentinel.downAfterMs': 10_000,
    'redis.minReplicasMaxLagSeconds': 20,
  });
  const { exitCode, err } = await cli.runKit('up', '--env', file);
  expect(exitCode, err).toBe(EXIT.GO);
  redis = connectToMaster();
  await fill();
  plain = join(cli.path, 'plain.tar');
  encrypted = join(cli.path, 'encrypted.tar');
  writeFileSync(join(cli.path, 'key'), randomBytes(32).toString('hex'));
  writeFileSync(join(cli.path, 'other-key'), randomBytes(32).toString('hex'));
});
afterAll(async () => {
  redis?.disconnect();
  await cli[Symbol.asyncDispose]();
});

function connectToMaster(): Redis {
  const { host = '', port = 0 } = cli.readLedger('kept')?.placement['redis-1'] ?? {};
  const secrets = JSON.parse(readFileSync(join(cli.path, '.kit/environments/kept/secrets.json'), 'utf8'));
  return new Redis({ host, port, username: 'admin', password: secrets.redis.admin });
}

/** Keys of every encoding that a digest could depend on, with and without an expiry, in two databases. */
async function fill(): Promise<void> {
  await redis.flushall();
  const batch = redis.pipeline();
  for (let i = 0; i < KEYS; i += 1) batch.set(`text:${i}`, `value ${i}`, 'PXAT', Date.now() + DAY_MS + i);
  batch.set(Buffer.from([0xff, 0x00, 0x0a]), randomBytes(5_000));
  for (let i = 0; i < 700; i += 1)
    batch.sadd('set', `member ${i}`).hset('hash', `field ${i}`, i).zadd('sorted', i, `m${i}`);
  batch.rpush('list', ...Array.from({ length: 300 }, (_, i) => `item ${i}`));
  batch.xadd('stream', '1-1', 'field', 'value');
  batch.select(3).set('elsewhere', 'value').select(0);
  await batch.exec();
}

async function findEnvironment(): Promise<Environment> {
  const substrate = await substrateOf('local', { stateDir: join(cli.path, '.kit') });
  const found = await substrate.find('kept', undefined);
  if (found === undefined) throw new Error('the environment must be running');
  return found.environment;
}

/** Restores the plain backup in this process. The callbacks act as a client that writes during the restore. */
async function restoreWith(client: {
  readonly beforeRun?: () => Promise<unknown>;
  readonly beforeComparison?: () => Promise<unknown>;
}): Promise<RestoreReport> {
  await using opened = await openBackup(plain, undefined);
  await using environment = await findEnvironment();
  const server = await findServerProgram(join(cli.path, '.kit'));
  const progress = (line: string) => {
    if (line.startsWith('comparing')) void client.beforeComparison?.();
  };
  await using plan = await planRestore(environment, opened, { server, progress });
  await client.beforeRun?.();
  return await plan.run();
}

/** Loads another library that defines a function with the same name as one in the kit's library. */
async function replaceLibrary(): Promise<void> {
  const [library] = (await redis.call('FUNCTION', 'LIST', 'WITHCODE')) as [unknown[]];
  const field = (name: string) => String(library[library.indexOf(name) + 1]);
  await redis.call('FUNCTION', 'DELETE', field('library_name'));
  await redis.call('FUNCTION', 'LOAD', field('library_code').replace(/name=\w+/, 'name=other_library'));
}

const json = async (...args: string[]) => {
  const { exitCode, out, err } = await cli.runKit(...args, '--json');
  return { exitCode, err, result: JSON.parse(out) };
};

describe('kit backup', () => {
  it('reads from a replica, and reports the offset, the keys and the digest of the backup', async () => {
    const { exitCode, result } = await json('backup', '--env', file, '--to', plain);
    expect(exitCode).toBe(EXIT.GO);
    expect(result.file).toBe(plain);
    const [part] = result.manifest.parts;
    expect(part).toMatchObject({ file: 'redis.rdb', role: 'replica', rdbVersion: expect.any(Number) });
    expect(part.node).not.toBe('redis-1');
    expect(part.contents.databases).toEqual({
      0: { keys: KEYS + 6, expiring: KEYS },
      3: { keys: 1, expiring: 0 },
    });
    const info = await redis.info('replication');
    expect(info).toContain(`master_replid:${part.replicationId}`);
    expect(part.replicationOffset).toBeLessThanOrEqual(Number(/master_repl_offset:(\d+)/.exec(info)?.[1]));
  });

  it('encrypts the archive with a key, so no value in it is readable', async () => {
    const { exitCode, err } = await cli.runKit(
      'backup',
      '--env',
      file,
      '--to',
      encrypted,
      '--key-file',
      'key',
    );
    expect(exitCode, err).toBe(EXIT.GO);
    expect(readFileSync(plain).includes('elsewhere')).toBe(true);
    expect(readFileSync(encrypted).includes('elsewhere')).toBe(false);
    expect(readdirSync(cli.path).filter((name) => name.startsWith('.backup'))).toEqual([]);
  });

  it('keeps as many backups as the schedule specifies, and makes none before the next one is due', async () => {
    const schedule = ['--set', 'backup.keep=1', '--prune', '--env', file, '--to', 'kept/'];
    const first = await json('backup', ...schedule);
    const second = await json('backup', ...schedule);
    expect(second.result.removed).toEqual([first.result.file]);
    const third = await json('backup', '--if-due', ...schedule);
    expect(third.result).toMatchObject({ due: false, newest: second.result.file });
    expect(readdirSync(join(cli.path, 'kept'))).toHaveLength(1);
  });
});

describe('kit backup verify', () => {
  it.each([
    ['a plain backup', () => [plain]],
    ['an encrypted backup with its key', () => [encrypted, '--key-file', 'key']],
  ])('restores %s and compares every key', async (_what, args) => {
    const { exitCode, result } = await json('backup', 'verify', ...args());
    expect(exitCode).toBe(EXIT.GO);
    expect(result.parts).toEqual([expect.objectContaining({ keys: KEYS + 7, compared: KEYS + 7 })]);
  });
});

describe('kit restore', () => {
  it('backs up the existing keys, then replaces all of them with the keys in the backup', async () => {
    await redis.set('text:1', 'changed');
    await redis.set('additional', 'value');
    const unconfirmed = await json('restore', encrypted, '--key-file', 'key', '--env', file);
    expect(unconfirmed.exitCode).toBe(EXIT.USAGE);
    expect(unconfirmed.result.error.code).toBe('UNCONFIRMED');
    expect(await redis.get('text:1')).toBe('changed');
    const { exitCode, result } = await json(
      'restore',
      encrypted,
      '--key-file',
      'key',
      '--env',
      file,
      '--yes',
    );
    expect(exitCode).toBe(EXIT.GO);
    expect(result).toMatchObject({ restored: KEYS + 7, kept: 0, compared: KEYS + 7, different: 0 });
    expect([await redis.get('text:1'), await redis.exists('additional')]).toEqual(['value 1', 0]);
    const former = await json('backup', 'verify', result.formerData, '--key-file', 'key');
    expect(former.result.parts[0].keys).toBe(KEYS + 8);
  });

  it('reports one error for a wrong key or a truncated, changed or foreign backup, and changes nothing', async () => {
    const bytes = readFileSync(plain);
    const changed = Buffer.from(bytes);
    changed[bytes.length - 3_000] = (changed[bytes.length - 3_000] as number) ^ 1;
    const text = bytes.toString('latin1');
    const write = (name: string, content: Uint8Array | string) => {
      const path = join(cli.path, name);
      writeFileSync(path, content, 'latin1');
      return path;
    };
    const half = write('half.tar', bytes.subarray(0, bytes.length / 2));
    const other = text.replace('redis-cache-kit/backup/1', 'redis-cache-kit/backup/9');
    const sealed = text.replace('"substrate": "local"', '"substrate": "lokal"');
    const [key, otherKey] = ['key', 'other-key'].map((name) => readKeyFile(join(cli.path, name)));
    for (const [path, used, code] of [
      [half, undefined, 'BACKUP_DAMAGED'],
      [write('changed.tar', changed), undefined, 'BACKUP_DAMAGED'],
      [write('text.tar', 'no archive'), undefined, 'BACKUP_DAMAGED'],
      [write('other.tar', other), undefined, 'BACKUP_OTHER_VERSION'],
      [write('sealed.tar', sealed), undefined, 'BACKUP_DAMAGED'],
      [encrypted, undefined, 'BACKUP_KEY_REQUIRED'],
      [encrypted, otherKey, 'BACKUP_KEY_WRONG'],
      [plain, key, 'BACKUP_NOT_ENCRYPTED'],
      [join(cli.path, 'absent.tar'), undefined, 'BACKUP_NOT_FOUND'],
    ] as const) {
      await expect(openBackup(path, used), path).rejects.toMatchObject({ code });
    }
    await redis.set('witness', 'present');
    const { exitCode, result } = await json('restore', half, '--env', file, '--yes');
    expect([result.error.code, exitCode]).toEqual(['BACKUP_DAMAGED', EXIT.NO_GO]);
    expect(await redis.get('witness')).toBe('present');
  });

  it('encrypts the backup of the previous keys with the encryption key from the schedule', async () => {
    await redis.set('former', 'value');
    const args = ['--env', file, '--set', 'backup.keyFile=key', '--yes'];
    const { exitCode, result, err } = await json('restore', plain, ...args);
    expect(exitCode, err).toBe(EXIT.GO);
    expect((await readManifest(result.formerData)).encryption).toBeDefined();
  });

  it.each([
    {
      because: 'the user has no permission to write keys',
      arrange: () => redis.call('ACL', 'SETUSER', 'admin', '-restore'),
      undo: () => redis.call('ACL', 'SETUSER', 'admin', '+restore'),
      says: /rejects its keys: NOPERM/,
    },
    {
      because: 'another library has a function of the same name',
      arrange: () => replaceLibrary(),
      undo: () => redis.call('FUNCTION', 'FLUSH'),
      says: /does not load its function library redis_cache_kit_\d+: .*already exists/,
    },
  ])('changes nothing if the environment rejects the backup: $because', async ({ arrange, undo, says }) => {
    await redis.set('witness', 'present');
    await arrange();
    const { exitCode, result } = await json('restore', plain, '--env', file, '--yes', '--no-copy');
    await undo();
    expect([exitCode, result.error]).toEqual([
      EXIT.NO_GO,
      expect.objectContaining({ code: 'RESTORE_REFUSED', message: expect.stringMatching(says) }),
    ]);
    expect(await redis.get('witness')).toBe('present');
  });

  it('restores into an environment whose memory is full', async () => {
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    // Unlike SET, SETRANGE adds nothing to the backlog, which counts as used memory.
    await redis.setrange('large', 8 * 1024 ** 2, 'x');
    await redis.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', used + 4 * 1024 ** 2);
    await expect(redis.set('more', 'value')).rejects.toThrow('OOM');
    const { exitCode, result } = await json('restore', plain, '--env', file, '--yes', '--no-copy');
    await redis.config('SET', 'maxmemory', '256mb');
    expect([exitCode, result]).toEqual([EXIT.GO, expect.objectContaining({ different: 0 })]);
  });

  it('keeps the keys that clients write into an empty environment during the restore', async () => {
    await redis.flushall();
    const report = await restoreWith({ beforeRun: () => redis.set('text:1', 'of a client') });
    expect(report).toMatchObject({ restored: KEYS + 6, kept: 1, different: 1, examples: ['0: text:1'] });
    expect(await redis.get('text:1')).toBe('of a client');
  });

  it('reports a restored key that a client changes before the keys are compared', async () => {
    const report = await restoreWith({ beforeComparison: () => redis.set('text:5', 'changed') });
    expect(report).toMatchObject({ restored: KEYS + 7, kept: 0, different: 1, examples: ['0: text:5'] });
  });

  it('rejects a backup with a newer RDB version, and changes nothing', async () => {
    await using opened = await openBackup(plain, undefined);
    const parts = opened.manifest.parts.map((part) => ({ ...part, rdbVersion: 99 }));
    const newer = { ...opened, manifest: { ...opened.manifest, parts } };
    await using environment = await findEnvironment();
    await redis.set('witness', 'present');
    const server = await findServerProgram(join(cli.path, '.kit'));
    await expect(planRestore(environment, newer, { server })).rejects.toMatchObject({
      code: 'BACKUP_TOO_NEW',
      message: expect.stringMatching(/^has RDB version 99 .*: redis-\d runs [\d.]+ and reads up to \d+$/),
    });
    expect(await redis.get('witness')).toBe('present');
  });
});
