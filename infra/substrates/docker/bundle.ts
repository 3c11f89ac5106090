/**
 * A bundle contains everything that an offline network cannot fetch: the images, and the provider's plugin in the
 * layout that `terraform providers mirror` creates and Terraform finds without configuration.
 *
 *   bundle.tar.gz: bundle.json, images.tar (docker save), plugins/<host>/kreuzwerker/docker/<version>/<platform>/…
 */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { runProgram } from '../../host/process.ts';
import { docker, imageExists } from './engine.ts';
import { imagesFile, type LocalImages, readImages, writeImages } from './images.ts';
import { localPlugin, pluginRoot, registryOf } from './plugin.ts';
import { terraformProgram } from './terraform-cli.ts';

const SCHEMA = 'redis-cache-kit/bundle/1';
const TIMEOUT_MS = 600_000;

interface Manifest {
  readonly schema: typeof SCHEMA;
  readonly images: LocalImages;
  /**
   * Path of the plugin within `plugins/`; absent if the machine that saved the bundle had no plugin in a local
   * directory.
   */
  readonly plugin?: string;
}

export interface BundleReport {
  readonly file: string;
  readonly images: readonly string[];
  readonly plugin: string | undefined;
}

const tagsOf = ({ redis, exporter, commander, prometheus, alertmanager, servers = [] }: LocalImages) => [
  ...[redis, exporter, commander],
  ...[prometheus, alertmanager].filter((tag) => tag !== undefined),
  ...servers.map(({ tag }) => tag),
];

/** Saves a bundle. @throws KitError `IMAGE_MISSING` */
export async function saveBundle(file: string, stateDir: string): Promise<BundleReport> {
  const images = readImages(stateDir);
  const tags = images === undefined ? [] : tagsOf(images);
  const here = await Promise.all(tags.map((tag) => imageExists(tag)));
  if (images === undefined || here.includes(false)) {
    throw new KitError("the kit's images are not on this engine", {
      code: 'IMAGE_MISSING',
      where: imagesFile(stateDir),
      hint: 'run kit images build',
    });
  }
  return await inWorkDir(async (work) => {
    await docker(['save', '--output', join(work, 'images.tar'), ...tags], { timeoutMs: TIMEOUT_MS });
    const registry = await registryHere();
    const found = localPlugin(registry) ?? localPlugin();
    const plugin = found === undefined ? undefined : relative(pluginRoot(found), found);
    if (found !== undefined && plugin !== undefined) {
      cpSync(found, join(work, 'plugins', plugin), { recursive: true });
    }
    const manifest: Manifest = { schema: SCHEMA, images, ...(plugin === undefined ? {} : { plugin }) };
    writeFileSync(join(work, 'bundle.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    // Most files are already compressed: a higher compression level takes minutes and saves about 10 %.
    await runTar(['--use-compress-program=gzip -1', '-cf', resolve(file), '-C', work, '.'], file);
    return { file, images: tags, plugin };
  });
}

/** Loads the images into the engine and the plugin into the user's local plugin directory. Idempotent. */
export async function loadBundle(file: string, stateDir: string, home = homedir()): Promise<BundleReport> {
  return await inWorkDir(async (work) => {
    await runTar(['-xzf', resolve(file), '-C', work], file);
    const manifest = readManifest(join(work, 'bundle.json'), file);
    const tags = tagsOf(manifest.images);
    const here = await Promise.all(tags.map((tag) => imageExists(tag)));
    if (here.includes(false)) {
      await docker(['load', '--quiet', '--input', join(work, 'images.tar')], { timeoutMs: TIMEOUT_MS });
    }
    if (manifest.plugin !== undefined) {
      // Terraform and OpenTofu use identical plugin files, each under the name of its own registry.
      const registry = await registryHere();
      const [host = '', ...rest] = manifest.plugin.split('/');
      const paths = [host, registry ?? host].map((name) => join(name, ...rest));
      for (const path of new Set(paths)) {
        const target = join(home, '.terraform.d', 'plugins', path);
        // A plugin whose bytes differ from those recorded in a lock file invalidates the lock file, so an existing
        // plugin is kept.
        if (!existsSync(target)) cpSync(join(work, 'plugins', manifest.plugin), target, { recursive: true });
      }
    }
    writeImages(stateDir, manifest.images);
    return { file, images: tags, plugin: manifest.plugin };
  });
}

/** Returns the registry that the installed program uses; undefined if no program is installed. */
async function registryHere(): Promise<string | undefined> {
  const program = await terraformProgram().catch(() => undefined);
  return program === undefined ? undefined : await registryOf(program);
}

function readManifest(path: string, file: string): Manifest {
  const manifest: Manifest | undefined = existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8'))
    : undefined;
  if (manifest?.schema === SCHEMA && !(manifest.plugin ?? '').includes('..')) return manifest;
  throw new KitError('must be a bundle created by the kit', {
    code: 'BUNDLE_INVALID',
    where: file,
    hint: 'create a bundle with kit bundle save FILE',
  });
}

async function runTar(args: readonly string[], file: string): Promise<void> {
  const record = await runProgram({ command: 'tar', args, timeoutMs: TIMEOUT_MS });
  if (record.exitCode === 0) return;
  throw new KitError(`cannot read or write the bundle: ${record.stderr.trim().split('\n').at(-1) ?? ''}`, {
    code: 'BUNDLE_INVALID',
    where: file,
    hint: 'pass the path of a bundle, on a disk with enough space',
    exitCode: EXIT.USAGE,
  });
}

async function inWorkDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'kit-bundle-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
