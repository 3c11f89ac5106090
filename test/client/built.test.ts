/**
 * The package as users get it: its own scripts build and pack it, npm installs it into an empty folder, the oldest
 * supported Node.js version and later ones run it against a real Redis, and TypeScript compiles programs that import
 * it.
 */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { CLIENT_ENTRIES } from '../architecture/client-rooms.ts';
import { findOrInstallNode, installInEmptyProject, packClient, type Unavailable } from '../support/npm.ts';
import { RedisProcess } from '../support/redis-process.ts';

const run = promisify(execFile);
const TOP = resolve(import.meta.dirname, '../..');
const bin = (name: string) => join(TOP, 'node_modules/.bin', name);

/** The first release of Node.js 20, the latest known release of Node.js 22, and the version that runs the tests. */
const NODES = ['20.0.0', '22.23.3', process.versions.node];

/** A Jest release from 2026. The tests install it next to the package; it is not a dependency of the project. */
const JEST = '30.5.2';

/** The lowest and the highest ioredis version in the range that the package accepts. */
const IOREDIS = ['6.0.0', '6'];

const manifest = JSON.parse(readFileSync(join(TOP, 'client/package.json'), 'utf8'));
/** The entry points other than the main one, such as `./metrics`. */
const SUBPATHS = Object.keys(manifest.exports).filter((path) => /^\.\/[\w-]+$/.test(path));

const dir = mkdtempSync(join(tmpdir(), 'kit-package-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// Installs everything before the test titles are built, so that they can report that npm is unreachable.
const tarball = await packClient(dir);
const app = join(dir, 'app');
const alone = await installInEmptyProject(tarball, app);
const jestApp = join(dir, 'jest');
const withJest = await installInEmptyProject(tarball, jestApp, `jest@${JEST}`);
const ioredisApps = IOREDIS.map((version) => ({ version, folder: join(dir, `ioredis-${version}`) }));
const withIoredis = await Promise.all(
  ioredisApps.map(({ version, folder }) => installInEmptyProject(tarball, folder, `ioredis@${version}`)),
);
const nodes = await Promise.all(
  NODES.map(async (version) => ({ version, path: await findOrInstallNode(version) })),
);

function describeWith(name: string, missing: Unavailable | undefined, body: () => void): void {
  describe.runIf(!missing)(missing ? `${name} [skipped: ${missing.missing}]` : name, body);
}

/** Each file in the tarball, except those in `dist`. */
async function contents(): Promise<{ readonly other: readonly string[]; readonly dist: readonly string[] }> {
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const files = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  return {
    other: files.filter((path) => !path.startsWith('dist/')).sort(),
    dist: files.filter((path) => path.startsWith('dist/')),
  };
}

/** Runs `packed/program.mjs` in an application folder, against a real Redis. */
async function runProgram(folder: string, node: string): Promise<unknown> {
  await using redis = await RedisProcess.start();
  const { host, port } = redis.address;
  const program = join(folder, 'program.mjs');
  copyFileSync(join(import.meta.dirname, 'packed/program.mjs'), program);
  const { stdout } = await run(node, [program, `${host}:${port}`], { cwd: folder, timeout: 30_000 });
  return JSON.parse(stdout);
}

/** Expected output of `packed/program.mjs`, except for its Node version. */
const DONE = {
  read: { a: 1 },
  invalidated: true,
  loads: 1,
  rich: true,
  tiered: { value: { b: 2 }, source: 'l1', frozen: true },
  scheduled: expect.stringContaining('croner, which is not installed'),
  memory: 0,
  away: 'memory',
};

describe('the tarball', () => {
  it('contains the JavaScript and types of every source file, and no file outside the package', async () => {
    const { other, dist } = await contents();
    expect(other).toEqual(['LICENSE', 'README.md', 'functions/redis_cache_kit.lua', 'package.json']);
    const sources = readdirSync(join(TOP, 'client'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/^(?:dist|node_modules)\//.test(path))
      .map((path) => path.replace(/\.ts$/, ''));
    const entries = CLIENT_ENTRIES.map((path) => path.replace(/^client\/(.*)\.ts$/, 'dist/$1'));
    expect([...dist].sort()).toEqual(
      [
        'dist/package.json',
        ...entries.flatMap((path) => [`${path}.d.mts`, `${path}.mjs`]),
        ...sources.flatMap((path) => [`dist/${path}.d.ts`, `dist/${path}.js`]),
      ].sort(),
    );
  });

  it('contains the repository’s license, and depends only on ioredis', () => {
    expect(readFileSync(join(TOP, 'client/LICENSE'), 'utf8')).toBe(
      readFileSync(join(TOP, 'LICENSE'), 'utf8'),
    );
    const { dependencies, peerDependencies, peerDependenciesMeta } = manifest as Record<string, object>;
    expect(Object.keys(dependencies ?? {})).toEqual(['ioredis']);
    expect(peerDependenciesMeta).toEqual(
      Object.fromEntries(Object.keys(peerDependencies ?? {}).map((name) => [name, { optional: true }])),
    );
  });

  it('passes publint', async () => {
    const { stdout } = await run(bin('publint'), [tarball, '--strict']);
    expect(stdout).toContain('All good!');
  });

  it('resolves to its types for CommonJS and for ES module importers', async () => {
    const options = ['--profile', 'strict', '--exclude-entrypoints', 'functions.lua', '--format', 'json'];
    const { stdout } = await run(bin('attw'), [tarball, ...options], { maxBuffer: 16_000_000 });
    const { analysis, problems } = JSON.parse(stdout);
    expect(Object.keys(analysis.entrypoints)).toEqual(['.', ...SUBPATHS, './package.json']);
    expect(problems ?? {}).toEqual({});
  });
});

describeWith('installed alone', alone, () => {
  /** Runs a program from `packed/` in the application folder, and returns what it prints. */
  async function runPacked(name: string, ...args: readonly string[]) {
    const program = join(app, name);
    copyFileSync(join(import.meta.dirname, 'packed', name), program);
    return JSON.parse((await run(process.execPath, [program, ...args], { cwd: app })).stdout);
  }

  it('loads no extra from the main entry point', async () => {
    const { main, withMetrics } = await runPacked('loaded.cjs');
    const extras = (paths: readonly string[]) => paths.filter((path) => path.startsWith('extras/'));
    expect(main.length).toBeGreaterThan(80);
    expect(extras(main)).toEqual([]);
    // Positive control.
    expect(extras(withMetrics)).toContain('extras/metrics/index.js');
  });

  it('exports the same names through require and import from each entry point', async () => {
    expect(SUBPATHS.length).toBe(CLIENT_ENTRIES.length - 1);
    expect(await runPacked('entries.cjs', ...SUBPATHS)).toEqual(
      Object.fromEntries(SUBPATHS.map((path) => [path, true])),
    );
  });

  it('an installation adds at most nine other packages, none from this repository', () => {
    const names = readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(names).toContain('ioredis');
    expect(names.length - 1).toBeLessThanOrEqual(9);
    expect(readdirSync(join(app, 'node_modules/@redis-cache-kit'))).toEqual(['client']);
    for (const peer of ['croner', 'prom-client', '@opentelemetry']) expect(names).not.toContain(peer);
  });

  for (const { version, path } of nodes)
    describeWith(`under Node ${version}`, typeof path === 'string' ? undefined : path, () => {
      it('require and import load the same implementation, against a real Redis', async () => {
        await using redis = await RedisProcess.start();
        const { host, port } = redis.address;
        const program = join(app, 'program.cjs');
        copyFileSync(join(import.meta.dirname, 'packed/program.cjs'), program);
        const { stdout } = await run(String(path), [program, `${host}:${port}`], {
          cwd: app,
          timeout: 30_000,
        });
        expect(JSON.parse(stdout)).toEqual({
          read: { a: 1 },
          refused: true,
          same: true,
          instanceofImported: true,
          names: true,
          cron: expect.stringContaining('croner, which is not installed'),
          node: `v${version}`,
        });
      });

      it('the packed client supports the documented uses, against a real Redis', async () => {
        expect(await runProgram(app, String(path))).toEqual({ ...DONE, node: `v${version}` });
      });
    });

  describe('TypeScript users', () => {
    const source = `
      import { type Cache, CacheError, ConfigurationError, redisCache, sentinelCache, tieredCache } from '@redis-cache-kit/client';
      import type { SentinelCacheOptions } from '@redis-cache-kit/client';
      import { healthCheck } from '@redis-cache-kit/client/health';
      import { type PrometheusRegistry, registerMetrics } from '@redis-cache-kit/client/metrics';
      import type { L1Options } from '@redis-cache-kit/client/types';

      const options: SentinelCacheOptions = {
        sentinels: [{ host: '10.0.0.1', port: 26379 }],
        serviceName: 'mymaster',
        durability: { replicas: 1, timeoutMs: 1000 },
        l1: { maxEntries: 10 },
      };
      export const cache: Cache = sentinelCache(options);
      export async function user(id: number): Promise<{ name: string }> {
        return cache.getOrCompute(\`user:\${id}\`, async ({ signal }) => ({ name: String(signal.aborted) }), {
          ttlSeconds: 60, graceSeconds: 600, tags: ['users'],
        });
      }
      export const name: Promise<string | undefined> = cache.get<string>('k');
      export const isOurs = (error: unknown): boolean => error instanceof CacheError && error.retryable;
      export const tiers: readonly Cache[] = [redisCache(), tieredCache({ url: 'redis://127.0.0.1' })];
      // @ts-${'expect'}-error seconds are a number
      export const bad = cache.set('k', 1, { ttlSeconds: '60' });
      export { ConfigurationError };
      export const healthy = async (): Promise<boolean> => (await healthCheck(cache)).status === 'healthy';
      export const register = (registry: PrometheusRegistry) => registerMetrics(cache, registry);
      export const l1: L1Options = { maxEntries: 10 };
    `;

    const NEWEST = 'node_modules/.bin/tsc';
    const OLDER = 'tools/api-reference/node_modules/.bin/tsc';
    it.each([
      { type: 'module', compiler: NEWEST, module: 'nodenext', moduleResolution: 'nodenext' },
      { type: 'module', compiler: NEWEST, module: 'esnext', moduleResolution: 'bundler' },
      { type: 'module', compiler: OLDER, module: 'nodenext', moduleResolution: 'nodenext' },
      { type: 'commonjs', compiler: NEWEST, module: 'node16', moduleResolution: 'node16' },
      { type: 'commonjs', compiler: OLDER, module: 'node16', moduleResolution: 'node16' },
      { type: 'commonjs', compiler: NEWEST, module: 'commonjs', moduleResolution: 'bundler' },
    ])('compile as $type with module $module by $compiler', async (asked) => {
      const { type, compiler, module, moduleResolution } = asked;
      const folder = join(app, `ts-${type}-${module}-${compiler.length}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
      writeFileSync(join(folder, 'consumer.ts'), source);
      const compilerOptions = {
        ...{ module, moduleResolution, target: 'es2022', strict: true, noEmit: true, skipLibCheck: false },
        // Types that every Node.js program can use.
        ...{ types: ['node'], typeRoots: [join(TOP, 'node_modules/@types')] },
      };
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['consumer.ts'] }),
      );
      const said = await run(join(TOP, compiler), ['-p', folder]).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
      expect(said).toBe('');
    });
  });
});

for (const [i, { version, folder }] of ioredisApps.entries())
  describeWith(`installed with ioredis@${version}`, withIoredis[i], () => {
    it('uses the installed ioredis, and supports the documented uses, against a real Redis', async () => {
      expect(readdirSync(join(folder, 'node_modules/@redis-cache-kit/client'))).not.toContain('node_modules');
      expect(await runProgram(folder, process.execPath)).toEqual({ ...DONE, node: process.version });
    });
  });

describeWith('installed next to Jest', withJest, () => {
  it('works in the tests of a CommonJS project, against a real Redis', async () => {
    await using redis = await RedisProcess.start();
    const { host, port } = redis.address;
    writeFileSync(join(jestApp, 'package.json'), '{"private":true,"type":"commonjs"}');
    copyFileSync(join(import.meta.dirname, 'packed/jest.test.js'), join(jestApp, 'client.test.js'));
    const options = { cwd: jestApp, env: { ...process.env, TEST_REDIS: `${host}:${port}` }, timeout: 60_000 };
    const jest = join(jestApp, 'node_modules/jest/bin/jest.js');
    const { stdout } = await run(
      process.execPath,
      [jest, '--json', '--detectOpenHandles', '--cacheDirectory', join(jestApp, 'cache')],
      options,
    );
    expect(JSON.parse(stdout)).toMatchObject({ success: true, numPassedTests: 3, openHandles: [] });
  }, 90_000);
});
