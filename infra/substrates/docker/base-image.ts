/**
 * Builds base images from the distribution's packages, for a machine without access to an image registry.
 *
 *   package names ─▶ closure with versions (apt-cache) ─▶ hash ─▶ download, unpack, `docker import`
 *
 * This is not a bootstrap: packages are unpacked but never configured, which is sufficient for servers without
 * maintainer scripts, takes seconds, and yields small images without a package manager.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { type ProgramRecord, runProgram } from '../../host/process.ts';

/** A package at the version to be unpacked. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
}

/** Packages that only maintainer scripts use, with their dependencies; no server calls them at run time. */
const NOT_NEEDED = new Set(['adduser', 'debconf', 'dpkg', 'passwd', 'install-info', 'perl', 'debianutils']);

/** Directories that are symbolic links on every current Debian release; older packages still contain the old paths. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

const PASSWD = 'root:x:0:0:root:/:/bin/sh\nkit:x:999:999:kit:/data:/bin/false\n';
const GROUP = 'root:x:0:\nkit:x:999:\n';

/** Returns the packages with all dependencies, each at the version that apt would install, sorted by name. */
export async function resolvePackages(roots: readonly string[]): Promise<readonly PinnedPackage[]> {
  await havePackageLists(roots);
  const flags = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (f) => `--no-${f}`,
  );
  const tree = await apt('apt-cache', ['depends', '--recurse', ...flags, ...roots]);
  const names = [...dependencyClosure(parseDependencies(tree), roots)].sort();
  const policy = await apt('apt-cache', ['policy', ...names]);
  const versions = new Map(
    [...policy.matchAll(/^(\S+):\n(?: {2}.*\n)*? {2}Candidate: (\S+)$/gm)].map((m) => [m[1], m[2]]),
  );
  return names.map((name) => {
    const version = versions.get(name);
    if (version === undefined || version === '(none)') {
      throw new KitError(`package '${name}' not found in the distribution`, {
        code: 'PACKAGE_MISSING',
        where: 'apt-cache policy',
        hint: 'apt-get update',
      });
    }
    return { name, version };
  });
}

/**
 * Ensures that package lists exist. A fresh machine (an image, a preinstalled engine) has apt but no lists, so they are
 * downloaded once, which requires root.
 */
async function havePackageLists(roots: readonly string[]): Promise<void> {
  if (await areListed(roots)) return;
  const record = await runApt('apt-get', ['update', '-qq']);
  if (await areListed(roots)) return;
  const why = record.stderr.trim().split('\n').at(-1) || 'not found in any source';
  throw new KitError(`apt has no candidate for ${roots.join(', ')}: ${why}`, {
    code: 'PACKAGE_MISSING',
    where: 'apt-get update',
    hint: 'run sudo apt-get update, or transfer the images with `kit bundle save` and `kit bundle load`',
  });
}

/**
 * Whether a source has the packages. apt lists an installed package even without package lists, but cannot download it.
 */
async function areListed(packages: readonly string[]): Promise<boolean> {
  const text = await apt('apt-cache', ['madison', ...packages]);
  const listed = new Set([...text.matchAll(/^\s*(\S+) \|/gm)].map((match) => match[1]));
  return packages.every((name) => listed.has(name));
}

/**
 * Parses the output of `apt-cache depends --recurse` as a graph. Uses the first of several alternatives, and leaves out
 * virtual packages.
 */
export function parseDependencies(text: string): ReadonlyMap<string, readonly string[]> {
  const graph = new Map<string, string[]>();
  let current: string[] = [];
  let alternative = false;
  for (const line of text.split('\n')) {
    const edge = /^ ([ |])(?:Pre)?Depends: (\S+)$/.exec(line);
    if (edge !== null) {
      if (!alternative && !edge[2]?.startsWith('<')) current.push(edge[2] ?? '');
      alternative = edge[1] === '|';
    } else if (/^\S/.test(line)) {
      current = graph.get(line) ?? [];
      graph.set(line, current);
      alternative = false;
    }
  }
  return graph;
}

function dependencyClosure(
  graph: ReadonlyMap<string, readonly string[]>,
  roots: readonly string[],
): Set<string> {
  const seen = new Set<string>();
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name) || NOT_NEEDED.has(name)) continue;
    seen.add(name);
    queue.push(...(graph.get(name) ?? []));
  }
  return seen;
}

/** Returns the first 12 hexadecimal digits of the SHA-256 of all inputs, which serve as an image tag. */
export function inputsHash(inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(createHash('sha256').update(input).digest());
  return hash.digest('hex').slice(0, 12);
}

export interface RootImage {
  readonly tag: string;
  readonly packages: readonly PinnedPackage[];
  /** Changes for `docker import --change`. */
  readonly changes?: readonly string[];
  /** Adds files to the tree. */
  readonly furnish?: (root: string) => Promise<void>;
}

/** Unpacks the packages into a tree and imports it as an image. */
export async function importRootImage(image: RootImage, signal?: AbortSignal): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'kit-image-'));
  try {
    const root = join(work, 'root');
    const debs = join(work, 'debs');
    await mkdir(join(root, 'usr'), { recursive: true });
    await mkdir(debs);
    for (const name of MERGED) {
      await mkdir(join(root, 'usr', name));
      await symlink(`usr/${name}`, join(root, name));
    }
    const wanted = image.packages.map(({ name, version }) => `${name}=${version}`);
    await apt('apt-get', ['download', '-qq', ...wanted], debs);
    await runShell(UNPACK, [root], debs, signal);
    await writeFile(join(root, 'etc/passwd'), PASSWD);
    await writeFile(join(root, 'etc/group'), GROUP);
    await image.furnish?.(root);
    const changes = (image.changes ?? []).flatMap((change) => ['--change', change]);
    await runShell(IMPORT, [root, image.tag, ...changes], work, signal);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const UNPACK = `set -e
for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$1"; done
rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/usr/share/info "$1"/usr/share/lintian
mkdir -p "$1/etc" "$1/tmp" "$1/data" "$1/proc" "$1/sys" "$1/dev"
chmod 1777 "$1/tmp"
for applet in $("$1/bin/busybox" --list); do
  [ -e "$1/usr/bin/$applet" ] || ln -s busybox "$1/usr/bin/$applet"
done`;

const IMPORT = `set -e
root=$1 tag=$2
shift 2
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf rootfs.tar .
docker import "$@" rootfs.tar "$tag"`;

async function runShell(
  script: string,
  args: readonly string[],
  cwd: string,
  signal?: AbortSignal,
): Promise<void> {
  const record = await runProgram({
    command: '/bin/sh',
    args: ['-c', script, 'kit-image', ...args],
    cwd,
    timeoutMs: 300_000,
    ...(signal === undefined ? {} : { signal }),
  });
  if (record.exitCode !== 0) throw buildFailed(record.stderr);
}

async function apt(command: AptCommand, args: readonly string[], cwd?: string): Promise<string> {
  const record = await runApt(command, args, cwd);
  if (record.exitCode !== 0) throw buildFailed(record.stderr);
  return record.stdout;
}

type AptCommand = 'apt-cache' | 'apt-get';

async function runApt(command: AptCommand, args: readonly string[], cwd?: string): Promise<ProgramRecord> {
  return await runProgram({
    command,
    args,
    env: { LC_ALL: 'C' },
    timeoutMs: 300_000,
    ...(cwd === undefined ? {} : { cwd }),
  }).catch((cause) => {
    throw new KitError(`cannot run ${command}: base images are built from Debian packages`, {
      code: 'IMAGE_BUILD_FAILED',
      hint: 'build on a Debian-based machine, and transfer the images with `kit bundle save` and `kit bundle load`',
      cause,
    });
  });
}

const buildFailed = (stderr: string): KitError =>
  new KitError(`image build failed: ${stderr.trim().split('\n').at(-1) ?? ''}`, {
    code: 'IMAGE_BUILD_FAILED',
    hint: /unable to locate|not found|no packages/i.test(stderr)
      ? 'apt-get update'
      : 'kit images build --verbose',
    exitCode: EXIT.NO_GO,
  });
