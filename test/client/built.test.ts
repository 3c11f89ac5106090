/** The package as others get it: built, packed, installed alone, and run by the oldest Node that it supports. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisProcess } from '../support/redis.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** The system's own Node where there is one from 20 on, else the one that runs this. */
async function oldestNode(): Promise<string> {
  const folders = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  for (const folder of folders) {
    const node = join(folder, 'node');
    if (!existsSync(node)) continue;
    const version = await run(node, ['--version']).then(({ stdout }) => Number(/v(\d+)/.exec(stdout)?.[1]));
    if (version >= 20) return node;
  }
  return process.execPath;
}

describe('the built package', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kit-package-'));
  const home = join(dir, 'node_modules/@redis-cache-kit/client');
  beforeAll(async () => {
    mkdirSync(home, { recursive: true });
    const tsc = join(root, 'node_modules/.bin/tsc');
    await run(tsc, ['-p', join(root, 'client/tsconfig.build.json'), '--outDir', join(home, 'dist')]);
    writeFileSync(join(home, 'package.json'), readFileSync(join(root, 'client/package.json')));
    symlinkSync(join(root, 'node_modules/ioredis'), join(dir, 'node_modules/ioredis'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('works under the oldest Node that it supports, with types beside it', async () => {
    await using redis = await RedisProcess.start();
    const program = join(dir, 'program.mjs');
    writeFileSync(
      program,
      `import { redisCache } from '@redis-cache-kit/client';
       const cache = redisCache({ address: ${JSON.stringify(redis.address)} });
       await cache.set('k', { a: 1 });
       const value = await cache.get('k');
       const loaded = await cache.getOrCompute('l', async () => 'loaded');
       await cache.close();
       console.log(JSON.stringify({ value, loaded, node: process.version }));`,
    );
    const { stdout } = await run(await oldestNode(), [program], { timeout: 20_000 });
    expect(JSON.parse(stdout)).toMatchObject({ value: { a: 1 }, loaded: 'loaded' });
    expect(existsSync(join(home, 'dist/index.d.ts'))).toBe(true);
  });

  it('depends on ioredis and on nothing of the repository', () => {
    const manifest: unknown = JSON.parse(readFileSync(join(root, 'client/package.json'), 'utf8'));
    expect(Object.keys((manifest as { dependencies: object }).dependencies)).toEqual(['ioredis']);
  });
});
