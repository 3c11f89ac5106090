/**
 * Packages that tests take from npm through its ordinary client: other versions of Node.js, cached in `.kit/node`, and
 * the client, packed and installed separately. If npm is unreachable, `Unavailable` contains the reason, and the tests
 * that need the packages are reported as not run.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TOP = resolve(import.meta.dirname, '../..');
const UNREACHABLE = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/;

export interface Unavailable {
  readonly missing: string;
}

/** @throws npm's error if npm was reached and failed */
async function npm(cwd: string, ...args: readonly string[]): Promise<Unavailable | undefined> {
  try {
    await run('npm', [...args, '--no-audit', '--no-fund', '--fetch-retries=0', '--prefer-offline'], {
      cwd,
      env: { ...process.env, npm_config_update_notifier: 'false' },
      timeout: 120_000,
    });
    return undefined;
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr);
    const code = UNREACHABLE.exec(said)?.[0];
    if (code === undefined) throw error;
    return { missing: `npm cannot be reached: ${code}` };
  }
}

/** Path of a Node.js binary with exactly this version. */
export async function findOrInstallNode(version: string): Promise<string | Unavailable> {
  if (process.version === `v${version}`) return process.execPath;
  const home = join(TOP, '.kit/node', version);
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(home, 'node_modules', name, 'bin/node');
  if (existsSync(path)) return path;
  mkdirSync(dirname(home), { recursive: true });
  const making = mkdtempSync(`${home}-`);
  try {
    writeFileSync(join(making, 'package.json'), '{"private":true}');
    const missing = await npm(making, 'install', `${name}@${version}`);
    if (missing) return missing;
    // If two processes install the same version, the copy from the first one is kept. A partial copy is never visible.
    if (!existsSync(path)) renameSync(making, home);
    return path;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** Packs the client as `npm publish` does: the client's own script builds it first. */
export const packClient = (into: string): Promise<string> => pack(into, ['--workspace', 'client']);

/** Packs the kit as `npm publish` does. */
export const packKit = (into: string): Promise<string> => pack(into, []);

async function pack(into: string, args: readonly string[]): Promise<string> {
  // Uses the tools of this package, regardless of the shell's PATH.
  const PATH = [join(TOP, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  await run('npm', ['pack', ...args, '--pack-destination', into], {
    cwd: TOP,
    env: { ...process.env, PATH },
    timeout: 180_000,
  });
  const tarball = readdirSync(into).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`npm pack left no tarball in ${into}`);
  return join(into, tarball);
}

/** Installs the named packages into a folder that contains nothing else. */
export async function installInEmptyProject(
  tarball: string,
  folder: string,
  ...packages: readonly string[]
): Promise<Unavailable | undefined> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  return npm(folder, 'install', '--ignore-scripts', tarball, ...packages);
}
