/**
 * Which images the containers run: the published ones by version, or those that this machine has by itself.
 *
 * `kit images build` and `kit bundle load` write `<state>/docker/images.json`; while it stands, its tags are used and no
 * registry is asked. A tag is the hash of what went in: an image that exists is never built again.
 */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import { runProgram } from '../process.ts';
import type { BinaryFacts } from '../redis-conf.ts';
import { importRootImage, inputsHash, type PinnedPackage, resolvePackages } from './base-image.ts';
import { docker, imageExists } from './engine.ts';
import { type ImageRole, publishedImages } from './published.ts';
import { dockerSettings } from './settings.ts';

/** How a container gets its image. */
export type ImageChoice =
  /** On this engine already; never pulled. */
  | { readonly kind: 'local'; readonly tag: string }
  /** Pulled by version or digest. */
  | { readonly kind: 'published'; readonly reference: string }
  /** Built from the Dockerfile on a published base, by Terraform. */
  | { readonly kind: 'dockerfile'; readonly base: string; readonly tag: string };

export interface ImageSet {
  readonly redis: ImageChoice;
  readonly exporter: ImageChoice;
  readonly commander: ImageChoice;
  /** What the Redis of this set can do. */
  readonly facts: BinaryFacts;
  readonly origin: ImageOrigin;
}

/** `locked`: published, by digest. `tagged`: published, by version. `own`: made or loaded on this machine. */
export type ImageOrigin = 'locked' | 'tagged' | 'own';

export const ORIGINS: Readonly<Record<ImageOrigin, string>> = {
  locked: 'published images, by the digests of config/images.lock.yaml',
  tagged: 'published images, by version: no digest is locked (kit images lock)',
  own: 'images made or loaded on this machine (kit images build, kit bundle load), not the published ones: no registry is asked',
};

export interface LocalImages {
  readonly redis: string;
  readonly exporter: string;
  readonly commander: string;
  readonly facts: BinaryFacts;
}

const PROJECT = join(import.meta.dirname, '../..');
/** What the Redis image adds to its base. */
export const NODE_IMAGE_DIR = join(import.meta.dirname, 'image');
const REPOSITORY = 'redis-cache-kit';

const REDIS_PACKAGES = ['redis-tools', 'busybox-static'];
/** Libraries of the `node` binary that npm installs. */
const NODE_PACKAGES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1', 'busybox-static'];

export const imagesFile = (stateDir: string): string => join(stateDir, 'docker', 'images.json');

/** The images that a deploy would use now. Reads, asks nobody. @throws KitError `IMAGES_LOCK_INVALID`, `IMAGES_LOCK_STALE` */
export function chooseImages(stateDir: string): ImageSet {
  const path = imagesFile(stateDir);
  if (!existsSync(path)) {
    const { references, facts, locked } = publishedImages(dockerSettings());
    const base = references.redis;
    return {
      redis: { kind: 'dockerfile', base, tag: `${REPOSITORY}/redis:${nodeImageHash(base)}` },
      exporter: { kind: 'published', reference: references.exporter },
      commander: { kind: 'published', reference: references.commander },
      facts,
      origin: locked ? 'locked' : 'tagged',
    };
  }
  const local: LocalImages = JSON.parse(readFileSync(path, 'utf8'));
  return {
    redis: { kind: 'local', tag: local.redis },
    exporter: { kind: 'local', tag: local.exporter },
    commander: { kind: 'local', tag: local.commander },
    facts: local.facts,
    origin: 'own',
  };
}

function nodeImageHash(base: string): string {
  const files = ['Dockerfile', 'node.sh'].map((name) => readFileSync(join(NODE_IMAGE_DIR, name)));
  return inputsHash([base, ...files]);
}

export interface BuildOptions {
  readonly stateDir: string;
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface BuiltImage {
  readonly role: ImageRole;
  readonly tag: string;
  readonly built: boolean;
  readonly tookMs: number;
}

/** Makes every image from the distribution's, Go's and npm's packages; what exists stays. */
export async function buildImages(options: BuildOptions): Promise<readonly BuiltImage[]> {
  const redis = await timed('redis', buildRedis, options);
  const exporter = await timed('exporter', buildExporter, options);
  const commander = await timed('commander', buildCommander, options);
  const local: LocalImages = {
    redis: redis.tag,
    exporter: exporter.tag,
    commander: commander.tag,
    facts: await probeFacts(redis.tag),
  };
  const path = imagesFile(options.stateDir);
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeFile(path, `${JSON.stringify(local, null, 2)}\n`);
  return [redis, exporter, commander];
}

async function timed(
  role: ImageRole,
  build: (options: BuildOptions) => Promise<{ tag: string; built: boolean }>,
  options: BuildOptions,
): Promise<BuiltImage> {
  const started = performance.now();
  options.progress?.(`image ${role}`);
  const { tag, built } = await build(options);
  return { role, tag, built, tookMs: Math.round(performance.now() - started) };
}

async function once(tag: string, build: () => Promise<void>): Promise<{ tag: string; built: boolean }> {
  if (await imageExists(tag)) return { tag, built: false };
  await build();
  return { tag, built: true };
}

const packageInputs = (packages: readonly PinnedPackage[]): string =>
  packages.map(({ name, version }) => `${name}=${version}`).join('\n');

/** Of the recipe itself: changing how a tree is made changes every tag. */
const recipe = (): Buffer => readFileSync(join(import.meta.dirname, 'base-image.ts'));

async function buildRedis({ signal }: BuildOptions): Promise<{ tag: string; built: boolean }> {
  const packages = await resolvePackages(REDIS_PACKAGES);
  const base = `${REPOSITORY}/base-redis:${inputsHash([recipe(), packageInputs(packages)])}`;
  const tag = `${REPOSITORY}/redis:${nodeImageHash(base)}`;
  return await once(tag, async () => {
    await once(base, async () => {
      const furnish = async (root: string) => {
        // redis-tools carries the one binary of all its programs; argv[0] decides which it is.
        await runProgram({
          command: 'ln',
          args: ['-sf', 'redis-check-rdb', join(root, 'usr/bin/redis-server')],
        });
      };
      await importRootImage({ tag: base, packages, furnish }, signal);
    });
    await docker(
      ['build', '--quiet', '--build-arg', `BASE=${base}`, '--tag', tag, NODE_IMAGE_DIR],
      signal === undefined ? { timeoutMs: 300_000 } : { timeoutMs: 300_000, signal },
    );
  });
}

async function buildExporter({ signal }: BuildOptions): Promise<{ tag: string; built: boolean }> {
  const packages = await resolvePackages(['busybox-static']);
  const tools = join(PROJECT, 'tools');
  const lock = ['go.mod', 'go.sum'].map((name) => readFileSync(join(tools, name)));
  const tag = `${REPOSITORY}/exporter:${inputsHash([recipe(), packageInputs(packages), ...lock])}`;
  const furnish = async (root: string) => {
    const output = join(root, 'redis_exporter');
    const args = [
      'build',
      '-trimpath',
      '-ldflags=-s -w',
      '-o',
      output,
      'github.com/oliver006/redis_exporter',
    ];
    await must('go', args, { cwd: tools, env: { CGO_ENABLED: '0' } }, 'install Go 1.26');
  };
  const changes = ['ENTRYPOINT ["/redis_exporter"]', 'USER 999:999'];
  return await once(tag, () => importRootImage({ tag, packages, changes, furnish }, signal));
}

async function buildCommander({ signal }: BuildOptions): Promise<{ tag: string; built: boolean }> {
  const packages = await resolvePackages(NODE_PACKAGES);
  const source = join(PROJECT, 'tools', 'redis-commander');
  const lock = ['package.json', 'package-lock.json'].map((name) => readFileSync(join(source, name)));
  const node = realpathSync(process.execPath);
  const tag = `${REPOSITORY}/commander:${inputsHash([recipe(), packageInputs(packages), process.version, ...lock])}`;
  const furnish = async (root: string) => {
    const staging = join(root, 'srv');
    await cp(source, staging, { recursive: true });
    const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
    await must(
      'npm',
      args,
      { cwd: staging },
      'npm must reach its registry once: then `kit bundle save` carries the image',
    );
    // As in the published image: /redis-commander is the package, its dependencies one level above are found as well.
    await runProgram({ command: 'mv', args: [join(staging, 'node_modules'), join(root, 'node_modules')] });
    await runProgram({
      command: 'ln',
      args: ['-s', 'node_modules/redis-commander', join(root, 'redis-commander')],
    });
    await copyFile(node, join(root, 'usr/bin/node'));
    await chmod(join(root, 'usr/bin/node'), 0o755);
  };
  const changes = ['USER 999:999', 'WORKDIR /redis-commander'];
  return await once(tag, () => importRootImage({ tag, packages, changes, furnish }, signal));
}

async function must(
  command: string,
  args: readonly string[],
  where: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
  hint: string,
): Promise<void> {
  const record = await runProgram({ command, args, timeoutMs: 600_000, ...where });
  if (record.exitCode === 0) return;
  throw new KitError(`${command} ${args[0]} failed: ${record.stderr.trim().split('\n').at(-1) ?? ''}`, {
    code: 'IMAGE_BUILD_FAILED',
    where: where.cwd,
    hint,
    exitCode: EXIT.NO_GO,
  });
}

/** Asks the image's own redis-server. `activedefrag yes` is fatal on a build with the system's allocator. */
export async function probeFacts(tag: string): Promise<BinaryFacts> {
  const run = (args: readonly string[]) => [
    'run',
    '--rm',
    '--network',
    'none',
    '--entrypoint',
    'sh',
    tag,
    '-c',
    ...args,
  ];
  const text = await docker(
    run([
      'redis-server --version;' +
        ' timeout 2 redis-server --port 0 --dir /tmp --activedefrag yes 2>&1 | grep -q -i "defrag" && echo nodefrag;' +
        ' timeout 2 redis-server --port 0 --tls-port 0 --dir /tmp --tls-protocols TLSv1.2 2>&1 | grep -q -i "bad directive\\|not built" && echo notls;' +
        ' true',
    ]),
  );
  const version = /v=(\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined) {
    throw new KitError(`the image has no redis-server that tells its version`, {
      code: 'IMAGE_UNUSABLE',
      where: tag,
      hint: 'kit images build',
    });
  }
  return { version, activedefrag: !text.includes('nodefrag'), tls: !text.includes('notls') };
}

/** The local images' file, for `bundle`. */
export async function readLocalImages(stateDir: string): Promise<LocalImages | undefined> {
  const path = imagesFile(stateDir);
  return existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : undefined;
}
