/**
 * The kit as users install it: its own scripts pack it, npm installs it into an empty folder, and it runs there under
 * the oldest supported Node.js version and the current one. Each version verifies a run of the other.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { findOrInstallNode, installInEmptyProject, packKit } from './support/npm.ts';

const run = promisify(execFile);
const manifest = JSON.parse(readFileSync(resolve('package.json'), 'utf8'));
const OLDEST = `${manifest.engines.node.replace('>=', '')}.0`;

const dir = mkdtempSync(join(tmpdir(), 'kit-packed-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// Installs before the titles are built: if npm is unreachable, the titles report that.
const app = join(dir, 'app');
const home = join(app, 'node_modules/redis-cache-kit');
const tarball = await packKit(dir);
const [missing, oldest] = await Promise.all([installInEmptyProject(tarball, app), findOrInstallNode(OLDEST)]);
const skipped = missing ?? (typeof oldest === 'string' ? undefined : oldest);

/** Runs the installed command in the folder of the application. Never throws: the caller judges the exit code. */
async function kit(node: string, ...args: readonly string[]) {
  const command = [join(app, 'node_modules/.bin/kit'), ...args];
  const env = { ...process.env, NODE_OPTIONS: '', KIT_STATE_DIR: '' };
  return run(node, command, { cwd: app, env, timeout: 90_000 }).then(
    ({ stdout, stderr }) => ({ exitCode: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }) => ({
      exitCode: code as number,
      out: stdout as string,
      err: stderr as string,
    }),
  );
}

/** Every file of the package with its modification time. */
const packageFiles = () =>
  readdirSync(home, { recursive: true, encoding: 'utf8' })
    .map((path) => `${path} ${statSync(join(home, path)).mtimeMs}`)
    .sort();

describe('the tarball', () => {
  it('contains JavaScript, types and the files that the code reads, but no sources or tests', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball], { maxBuffer: 4_000_000 });
    const files = stdout.trim().split('\n');
    const paths = files.map((path) => path.replace(/^package\//, ''));
    expect(paths.filter((path) => /(?<!\.d)\.ts$|^test\/|^dist\/test\/|node_modules/.test(path))).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['package.json', 'README.md', 'LICENSE', 'scripts/kit.mjs', 'docs/schemas/kit.schema.json'],
        ...['dist/scripts/main.js', 'dist/client/index.d.ts', 'dist/client/functions/redis_cache_kit.lua'],
        ...['dist/config/gates.yaml', 'dist/config/environments/dev.yaml', 'dist/redis-production.conf'],
        ...['dist/infra/watchdog/watchdog.mjs', 'dist/infra/substrates/docker/image/Dockerfile'],
        ...['dist/tools/go.mod', 'dist/tools/redis-commander/package-lock.json'],
      ]),
    );
  });

  it('contains every target of its entry points and commands', () => {
    const targets = [
      ...Object.values(manifest.bin),
      ...JSON.stringify(manifest.exports).matchAll(/"(\.\/dist[^"]+)"/g),
    ]
      .map((target) => (Array.isArray(target) ? target[1] : target))
      .filter((target): target is string => typeof target === 'string');
    expect(targets.length).toBeGreaterThan(4);
    const installed = new Set(readdirSync(home, { recursive: true, encoding: 'utf8' }));
    expect(targets.filter((target) => !installed.has(target.replace('./', '')))).toEqual([]);
  });
});

it('contains the module of every thread and process', () => {
  const sources = ['harness', 'infra'].flatMap((folder) =>
    readdirSync(resolve(folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  );
  const started = sources
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) =>
      [...readFileSync(resolve(path), 'utf8').matchAll(/moduleUrl\('([^']+)'/g)].map(([, name]) =>
        join('dist', dirname(path), `${name}.js`),
      ),
    );
  expect(started.length).toBeGreaterThan(5);
  expect(started.filter((path) => !existsSync(join(home, path)))).toEqual([]);
});

describe.runIf(!skipped)(skipped ? `installed [skipped: ${skipped.missing}]` : 'installed', () => {
  it.each([
    { name: OLDEST, node: String(oldest) },
    { name: process.versions.node, node: process.execPath },
  ])('starts under Node $name, and lists every drill', async ({ node }) => {
    expect(await kit(node, '--version')).toEqual({ exitCode: 0, out: `${manifest.version}\n`, err: '' });
    const { out } = await kit(node, 'drill', '--list', '--json');
    expect(JSON.parse(out).length).toBeGreaterThan(30);
  });

  it('names the required Node.js version under an older one', async () => {
    const old = `Object.defineProperty(process.versions, 'node', { value: '20.18.3' })`;
    const command = [
      '--import',
      `data:text/javascript,${encodeURIComponent(old)}`,
      join(home, 'scripts/kit.mjs'),
    ];
    const error = await run(process.execPath, command).catch((failure: unknown) => failure);
    expect(error).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^kit: requires Node 20\.19 or newer, got 20\.18\.3\n {2}fix .*\n$/),
    });
  });

  it('starts, drills and stops an environment of kit.yaml under the oldest Node.js version', async () => {
    const before = packageFiles();
    expect((await kit(String(oldest), 'init')).out).toContain('next: kit readiness --env app');
    const up = await kit(String(oldest), 'up', '--env', 'app');
    expect(up).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^app: healthy/) });
    expect(await kit(String(oldest), 'down', '--env', 'app')).toMatchObject({ exitCode: 0 });
    // This drill runs its client and its generator in threads.
    const drill = await kit(String(oldest), 'drill', 'hit-miss', '--env', 'app', '--out', 'run', '--json');
    const report = JSON.parse(drill.out);
    expect(report.verdict.criteria.filter(({ state }: { state: string }) => state === 'FAIL')).toEqual([]);
    expect(
      report.verdict.criteria.filter(({ state }: { state: string }) => state === 'PASS').length,
    ).toBeGreaterThan(10);
    expect(readdirSync(app).filter((name) => !name.startsWith('package'))).toEqual([
      ...['.kit', 'kit.yaml', 'node_modules', 'run'],
    ]);
    expect(packageFiles()).toEqual(before);
  });

  it('verifies the run under the current Node.js, and records no commit of the surrounding repository', async () => {
    expect((await kit(process.execPath, 'verify', 'run')).out).toContain('verified');
    expect(JSON.parse(readFileSync(join(app, 'run/manifest.json'), 'utf8'))).toMatchObject({
      commit: null,
      provenance: { node: `v${OLDEST}` },
    });
  });

  it('exports the client that it drills', async () => {
    const program =
      "const { redisCache } = await import('redis-cache-kit/client'); console.log(typeof redisCache)";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: app });
    expect(stdout).toBe('function\n');
  });
});
