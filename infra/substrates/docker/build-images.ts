/**
 * Builds the images from packages of the distribution, Go and npm, for an engine without access to a registry, and writes
 * `<state>/docker/images.json`. A tag is the hash of the inputs: an existing image is never built again.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { MODULE_ENDING } from '../../../config/installation.ts';
import { runProgram } from '../../host/process.ts';
import { importRootImage, inputsHash, type PinnedPackage, resolvePackages } from './base-image.ts';
import { docker, imageExists } from './engine.ts';
import {
  imagesFile,
  type LocalImages,
  NODE_IMAGE_DIR,
  nodeImageHash,
  probeFacts,
  REPOSITORY,
} from './images.ts';
import type { ImageRole } from './published-images.ts';

const PROJECT = join(import.meta.dirname, '../../..');
const REDIS_PACKAGES = ['redis-tools', 'busybox-static'];
/** Libraries of the `node` binary that npm installs. */
const NODE_PACKAGES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1', 'busybox-static'];

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

/** Builds every image from the packages of the distribution, Go and npm; existing images are kept. */
export async function buildImages(options: BuildOptions): Promise<readonly BuiltImage[]> {
  const redis = await withTiming('redis', buildRedis, options);
  const exporter = await withTiming('exporter', buildExporter, options);
  const commander = await withTiming('commander', buildCommander, options);
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

async function withTiming(
  role: ImageRole,
  build: (options: BuildOptions) => Promise<{ tag: string; built: boolean }>,
  options: BuildOptions,
): Promise<BuiltImage> {
  const started = performance.now();
  options.progress?.(`image ${role}`);
  const { tag, built } = await build(options);
  return { role, tag, built, tookMs: Math.round(performance.now() - started) };
}

async function buildIfMissing(
  tag: string,
  build: () => Promise<void>,
): Promise<{ tag: string; built: boolean }> {
  if (await imageExists(tag)) return { tag, built: false };
  await build();
  return { tag, built: true };
}

const packageInputs = (packages: readonly PinnedPackage[]): string =>
  packages.map(({ name, version }) => `${name}=${version}`).join('\n');

/** The recipe itself: a change of the way a tree is built changes every tag. */
const recipe = (): Buffer =>
  Buffer.concat(
    ['base-image', 'build-images'].map((name) =>
      readFileSync(join(import.meta.dirname, `${name}${MODULE_ENDING}`)),
    ),
  );

async function buildRedis({ signal }: BuildOptions): Promise<{ tag: string; built: boolean }> {
  const packages = await resolvePackages(REDIS_PACKAGES);
  const base = `${REPOSITORY}/base-redis:${inputsHash([recipe(), packageInputs(packages)])}`;
  const tag = `${REPOSITORY}/redis:${nodeImageHash(base)}`;
  return await buildIfMissing(tag, async () => {
    await buildIfMissing(base, async () => {
      const furnish = async (root: string) => {
        // redis-tools contains the single binary of all its programs; argv[0] selects the program.
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
    const args = ['build', '-trimpath', `-ldflags=${await exporterFlags(tools)}`];
    const what = ['-o', join(root, 'redis_exporter'), EXPORTER_MODULE];
    await runOrThrow('go', [...args, ...what], { cwd: tools, env: { CGO_ENABLED: '0' } }, GO_HINT);
  };
  const changes = ['ENTRYPOINT ["/redis_exporter"]', 'USER 999:999'];
  return await buildIfMissing(tag, () => importRootImage({ tag, packages, changes, furnish }, signal));
}

const EXPORTER_MODULE = 'github.com/oliver006/redis_exporter';
const GO_HINT = 'install Go 1.26';

/**
 * Version, commit and date that `redis_exporter_build_info` reports, set as by its own build; taken from the locked
 * module.
 */
async function exporterFlags(tools: string): Promise<string> {
  const answer = async (args: readonly string[]) =>
    JSON.parse(await runOrThrow('go', [...args, EXPORTER_MODULE], { cwd: tools }, GO_HINT));
  const { Info, Sum } = await answer(['mod', 'download', '-json']);
  const { Version, Time, Origin } = JSON.parse(readFileSync(Info, 'utf8'));
  // A module proxy may omit the commit; the sum of the module is in `go.sum`.
  const facts = { BuildVersion: Version, BuildDate: Time, BuildCommitSha: Origin?.Hash ?? Sum };
  return ['-s -w', ...Object.entries(facts).map(([name, value]) => `-X main.${name}=${value}`)].join(' ');
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
    await runOrThrow(
      'npm',
      args,
      { cwd: staging },
      'give npm access to its registry once; `kit bundle save` then transfers the image',
    );
    // As in the published image: /redis-commander is the package, and its dependencies are below it, where it serves files from.
    const target = join(root, 'redis-commander');
    const mv = (from: string, to: string) =>
      runOrThrow(
        'mv',
        ['-T', from, to],
        { cwd: staging },
        'a nested package below redis-commander has another version',
      );
    await mv('node_modules/redis-commander', target);
    await mv('node_modules', join(target, 'node_modules'));
    await copyFile(node, join(root, 'usr/bin/node'));
    await chmod(join(root, 'usr/bin/node'), 0o755);
  };
  const changes = ['USER 999:999', 'WORKDIR /redis-commander'];
  return await buildIfMissing(tag, () => importRootImage({ tag, packages, changes, furnish }, signal));
}

async function runOrThrow(
  command: string,
  args: readonly string[],
  where: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
  hint: string,
): Promise<string> {
  const record = await runProgram({ command, args, timeoutMs: 600_000, ...where });
  if (record.exitCode === 0) return record.stdout;
  throw new KitError(`${command} ${args[0]} failed: ${record.stderr.trim().split('\n').at(-1) ?? ''}`, {
    code: 'IMAGE_BUILD_FAILED',
    where: where.cwd,
    hint,
    exitCode: EXIT.NO_GO,
  });
}
