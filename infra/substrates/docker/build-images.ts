/**
 * Builds the images from distribution packages, Go modules and npm packages, for an engine without access to a
 * registry, and writes `<state>/docker/images.json`. A tag is the hash of the inputs, so an existing image is never
 * rebuilt.
 *
 * If the user names a server program, also builds a node image with that server: the base image plus the program and
 * its libraries.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { MODULE_ENDING } from '../../../config/installation.ts';
import { SUPPORTED_SERVERS } from '../../../config/server-name.ts';
import { runProgram } from '../../host/process.ts';
import { serverOf } from '../../redis/server-capabilities.ts';
import { formatServer, isSupported, parseBanner } from '../../redis/server-version.ts';
import { importRootImage, inputsHash, type PinnedPackage, resolvePackages } from './base-image.ts';
import { docker, imageExists } from './engine.ts';
import {
  type LocalImages,
  NODE_IMAGE_DIR,
  nodeImageHash,
  probeFacts,
  REPOSITORY,
  readImages,
  type ServerImage,
  writeImages,
} from './images.ts';
import type { ImageRole, MonitoringRole } from './published-images.ts';

const PROJECT = join(import.meta.dirname, '../../..');
const REDIS_PACKAGES = ['redis-tools', 'busybox-static'];
/** Libraries that the `node` binary from npm needs. */
const NODE_PACKAGES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1', 'busybox-static'];

export interface BuildOptions {
  readonly stateDir: string;
  /** Path of a redis-server or valkey-server on this machine, for which an additional node image is built. */
  readonly server?: string | undefined;
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface BuiltImage {
  readonly role: ImageRole | 'server';
  readonly tag: string;
  readonly built: boolean;
  readonly tookMs: number;
}

/** Builds every image from distribution packages, Go modules and npm packages; existing images are kept. */
export async function buildImages(options: BuildOptions): Promise<readonly BuiltImage[]> {
  const { server: path } = options;
  if (path !== undefined) await requireServer(path);
  const redis = await withTiming('redis', buildRedis, options);
  const exporter = await withTiming('exporter', buildExporter, options);
  const commander = await withTiming('commander', buildCommander, options);
  const prometheus = await withTiming('prometheus', (all) => buildMonitoring(all, 'prometheus'), options);
  const alertmanager = await withTiming(
    'alertmanager',
    (all) => buildMonitoring(all, 'alertmanager'),
    options,
  );
  const server =
    path === undefined ? [] : [await withTiming('server', (all) => buildRedis(all, path), options)];
  const servers = await serversOf(options.stateDir, server);
  const local: LocalImages = {
    redis: redis.tag,
    exporter: exporter.tag,
    commander: commander.tag,
    prometheus: prometheus.tag,
    alertmanager: alertmanager.tag,
    facts: await probeFacts(redis.tag),
    ...(servers.length === 0 ? {} : { servers }),
  };
  writeImages(options.stateDir, local);
  return [redis, exporter, commander, prometheus, alertmanager, ...server];
}

/**
 * Returns the images with other servers: the new image, and earlier images that the engine still has. One per version.
 */
async function serversOf(
  stateDir: string,
  built: readonly Pick<BuiltImage, 'tag'>[],
): Promise<readonly ServerImage[]> {
  const added = await Promise.all(built.map(async ({ tag }) => ({ tag, facts: await probeFacts(tag) })));
  const former = readImages(stateDir)?.servers ?? [];
  const nameOf = ({ facts }: ServerImage) => formatServer(serverOf(facts));
  const names = new Set(added.map(nameOf));
  const kept = await Promise.all(
    former.map(async (image) => !names.has(nameOf(image)) && (await imageExists(image.tag))),
  );
  return [...added, ...former.filter((_, i) => kept[i])];
}

async function withTiming(
  role: BuiltImage['role'],
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

/** Returns the source text of the modules that build images, so that a change to them changes every tag. */
const recipe = (): Buffer =>
  Buffer.concat(
    ['base-image', 'build-images'].map((name) =>
      readFileSync(join(import.meta.dirname, `${name}${MODULE_ENDING}`)),
    ),
  );

/** Builds the Redis image. @param server path of another server program; default: the program in the packages */
async function buildRedis(
  { signal }: BuildOptions,
  server?: string,
): Promise<{ tag: string; built: boolean }> {
  const packages = await resolvePackages(REDIS_PACKAGES);
  const program = server === undefined ? [] : [readFileSync(server)];
  const base = `${REPOSITORY}/base-redis:${inputsHash([recipe(), packageInputs(packages), ...program])}`;
  const tag = `${REPOSITORY}/redis:${nodeImageHash(base)}`;
  return await buildIfMissing(tag, async () => {
    await buildIfMissing(base, async () => {
      const furnish = async (root: string) => {
        const bin = join(root, 'usr/bin');
        if (server !== undefined) await copyServer(server, root);
        // redis-server, redis-check-aof and redis-check-rdb are one binary, which redis-tools contains as
        // redis-check-rdb. argv[0] selects the program.
        for (const name of ['redis-server', 'redis-check-aof'])
          await runProgram({ command: 'ln', args: ['-sf', 'redis-check-rdb', join(bin, name)] });
      };
      await importRootImage({ tag: base, packages, furnish }, signal);
    });
    await docker(
      ['build', '--quiet', '--build-arg', `BASE=${base}`, '--tag', tag, NODE_IMAGE_DIR],
      signal === undefined ? { timeoutMs: 300_000 } : { timeoutMs: 300_000, signal },
    );
  });
}

/** Checks a program. @throws KitError `SERVER_UNKNOWN` if it is not a supported server */
async function requireServer(path: string): Promise<void> {
  const common = { command: path, args: ['--version'], timeoutMs: 10_000 };
  const answer = await runProgram(common).catch(() => undefined);
  const server = parseBanner(answer?.stdout ?? '');
  if (server !== undefined && isSupported(server)) return;
  const found = server === undefined ? 'reports no version of Redis or Valkey' : `is ${formatServer(server)}`;
  throw new KitError(`${found}; needed: ${SUPPORTED_SERVERS}`, {
    code: 'SERVER_UNKNOWN',
    where: path,
    hint: 'pass the path of a redis-server or valkey-server on this machine',
  });
}

/** Copies the program, and the libraries that the packages do not contain. */
async function copyServer(path: string, root: string): Promise<void> {
  const program = join(root, 'usr/bin/redis-check-rdb');
  await copyFile(realpathSync(path), program);
  await chmod(program, 0o755);
  const { stdout } = await runProgram({ command: 'ldd', args: [path], env: { LC_ALL: 'C' } });
  const missing = [...stdout.matchAll(/^\s*(\S+) => not found$/gm)].map((match) => match[1]);
  if (missing.length > 0) {
    throw new KitError(`libraries of the server are missing on this machine: ${missing.join(', ')}`, {
      code: 'IMAGE_BUILD_FAILED',
      where: path,
      hint: 'install them, or pass a server program that was built for this machine',
    });
  }
  for (const [, library = ''] of stdout.matchAll(/ (\/\S+) \(0x/g)) {
    if (existsSync(join(root, library))) continue;
    await copyFile(realpathSync(library), join(root, 'usr/lib', basename(library)));
  }
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
 * Returns the flags that set version, commit and date for `redis_exporter_build_info`, as the exporter's own build
 * does; the values come from the locked module.
 */
async function exporterFlags(tools: string): Promise<string> {
  const answer = async (args: readonly string[]) =>
    JSON.parse(await runOrThrow('go', [...args, EXPORTER_MODULE], { cwd: tools }, GO_HINT));
  const { Info, Sum } = await answer(['mod', 'download', '-json']);
  const { Version, Time, Origin } = JSON.parse(readFileSync(Info, 'utf8'));
  // A module proxy may omit the commit; the module's checksum is in `go.sum`.
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
    // As in the published image: the package is at /redis-commander, with its dependencies below it, because the
    // program serves files from there.
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

/** Package and program of the distribution, by image. */
const MONITORING: Readonly<Record<MonitoringRole, string>> = {
  prometheus: 'prometheus',
  alertmanager: 'prometheus-alertmanager',
};

/** Builds Prometheus or Alertmanager with the paths of the published image: `/bin/<role>`, and its data in `/<role>`. */
async function buildMonitoring(
  { signal }: BuildOptions,
  role: MonitoringRole,
): Promise<{ tag: string; built: boolean }> {
  const program = MONITORING[role];
  const packages = await resolvePackages([program, 'busybox-static']);
  const tag = `${REPOSITORY}/${role}:${inputsHash([recipe(), packageInputs(packages)])}`;
  const furnish = async (root: string) => {
    if (program !== role) await symlink(program, join(root, 'usr/bin', role));
    await mkdir(join(root, role));
    // 213 MB of source data, which Prometheus's web interface does not load.
    await rm(join(root, 'usr/share/javascript/moment-timezone/data'), { recursive: true, force: true });
  };
  const changes = [`ENTRYPOINT ["/bin/${role}"]`, 'USER 999:999', `VOLUME ["/${role}"]`];
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
