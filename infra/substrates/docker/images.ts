/**
 * Images that the containers run: published ones by version, or images built or loaded on this machine.
 *
 * `kit images build` and `kit bundle load` write `<state>/docker/images.json`. While that file exists, its tags are
 * used and no registry is queried. A tag is the hash of the inputs, so an existing image is never rebuilt.
 *
 * An environment that names its server (`redis.server`, `docker.image`) has its own image for the nodes:
 * `server-images.ts` pulls and probes it before a deploy, and stores the result for `chooseImages`.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { namedServer } from '../../../config/server-name.ts';
import { type BinaryFacts, serverOf } from '../../redis/server-capabilities.ts';
import { DEFRAGMENTATION_PROBE, hasDefragmentation, hasTls, TLS_PROBE } from '../../redis/server-probe.ts';
import { formatServer, isServer, parseBanner } from '../../redis/server-version.ts';
import { inputsHash } from './base-image.ts';
import { docker } from './engine.ts';
import {
  BASE_ROLES,
  IMAGE_ROLES,
  type ImageRole,
  publishedImages,
  serverReference,
} from './published-images.ts';
import { dockerSettings } from './settings.ts';

/** Source of a container's image. */
export type ImageChoice =
  /** Available on this engine; never pulled. */
  | { readonly kind: 'local'; readonly tag: string }
  /** Pulled by version or digest. */
  | { readonly kind: 'published'; readonly reference: string }
  /** Built from the Dockerfile on a published base, by Terraform. */
  | { readonly kind: 'dockerfile'; readonly base: string; readonly tag: string };

export interface ImageSet extends Readonly<Record<ImageRole, ImageChoice>> {
  /** Features of the Redis server in this set of images. */
  readonly facts: BinaryFacts;
  readonly origin: ImageOrigin;
}

/** `locked`: published, by digest. `tagged`: published, by version. `own`: built or loaded on this machine. */
export type ImageOrigin = 'locked' | 'tagged' | 'own';

export const ORIGINS: Readonly<Record<ImageOrigin, string>> = {
  locked: 'published images by digest (config/images.lock.yaml)',
  tagged: 'published images by version, without locked digests (kit images lock)',
  own: 'images built or loaded on this machine (kit images build, kit bundle load), without a registry',
};

export interface LocalImages {
  readonly redis: string;
  readonly exporter: string;
  readonly commander: string;
  /** Absent if an earlier version of the kit built the images. */
  readonly prometheus?: string;
  readonly alertmanager?: string;
  readonly facts: BinaryFacts;
  /** Node images with another server (`kit images build --server`); absent if there are none. */
  readonly servers?: readonly ServerImage[];
}

export interface ServerImage {
  readonly tag: string;
  readonly facts: BinaryFacts;
}

/** Settings that determine the images. */
export type ImageSettings = Pick<EnvironmentConfig, 'redis' | 'docker' | 'observability'>;

/** Files that the Redis image adds to its base. */
export const NODE_IMAGE_DIR = join(import.meta.dirname, 'image');
export const REPOSITORY = 'redis-cache-kit';

export const imagesFile = (stateDir: string): string => join(stateDir, 'docker', 'images.json');

/**
 * Returns the images that a deploy would use now. Only reads files; does not query a registry.
 *
 * @param settings environment settings; default: an environment that names no server
 * @throws KitError `IMAGES_LOCK_INVALID`, `IMAGES_LOCK_STALE`
 */
export function chooseImages(stateDir: string, settings?: ImageSettings): ImageSet {
  const needed = settings?.observability.prometheus === true ? IMAGE_ROLES : BASE_ROLES;
  const images = commonImages(stateDir, needed);
  return settings === undefined ? images : { ...images, ...nodeImage(stateDir, images, settings) };
}

type CommonImages = ImageSet & Pick<LocalImages, 'servers'>;

function commonImages(stateDir: string, needed: readonly ImageRole[]): CommonImages {
  const local = readImages(stateDir);
  if (local === undefined) {
    const { references, facts, locked } = publishedImages(dockerSettings(), needed);
    const published = (role: ImageRole): ImageChoice => ({ kind: 'published', reference: references[role] });
    return {
      redis: builtOn(references.redis),
      exporter: published('exporter'),
      commander: published('commander'),
      prometheus: published('prometheus'),
      alertmanager: published('alertmanager'),
      facts,
      origin: locked ? 'locked' : 'tagged',
    };
  }
  const own = (role: ImageRole): ImageChoice => ({ kind: 'local', tag: local[role] ?? notBuilt(role) });
  return {
    redis: own('redis'),
    exporter: own('exporter'),
    commander: own('commander'),
    prometheus: own('prometheus'),
    alertmanager: own('alertmanager'),
    facts: local.facts,
    origin: 'own',
    servers: local.servers ?? [],
  };
}

/**
 * Returns the node image: the image that the environment names, an image with its server, or the common image.
 */
function nodeImage(
  stateDir: string,
  images: CommonImages,
  { redis, docker: { image } }: ImageSettings,
): Pick<ImageSet, 'redis' | 'facts'> {
  const wanted = namedServer({ redis });
  if (wanted === undefined) return images;
  if (image === undefined) {
    if (isServer(serverOf(images.facts), wanted)) return images;
    const own = images.servers?.find(({ facts }) => isServer(serverOf(facts), wanted));
    if (own !== undefined) return { redis: { kind: 'local', tag: own.tag }, facts: own.facts };
  }
  const base = image ?? serverReference(wanted, dockerSettings().imageRegistry);
  // Assumed until the image is probed: the published images have both features.
  const facts = readProbed(stateDir)[base]?.facts ?? { ...wanted, activedefrag: true, tls: true };
  return { redis: builtOn(base), facts };
}

const builtOn = (base: string): ImageChoice => ({
  kind: 'dockerfile',
  base,
  tag: `${REPOSITORY}/redis:${nodeImageHash(base)}`,
});

/** Returns a tag that no engine has, so that a deploy reports the missing image and `kit images build`. */
const notBuilt = (role: ImageRole): string => `${REPOSITORY}/${role}:not-built`;

/** Returns the name under which the engine has the image. */
export const imageName = (choice: ImageChoice): string =>
  choice.kind === 'published' ? choice.reference : choice.tag;

/** Describes the images for the first lines of a deploy, such as "Redis 8.2.1 from redis:8.2.1". */
export function describeImages({ redis, facts, origin }: ImageSet): string {
  const source = redis.kind === 'dockerfile' ? redis.base : imageName(redis);
  return `${ORIGINS[origin]}; nodes: ${formatServer(serverOf(facts))} from ${source}`;
}

/** Returns the tag of the Redis image: the hash of its base and of the files that it adds. */
export function nodeImageHash(base: string): string {
  const files = ['Dockerfile', 'node.sh'].map((name) => readFileSync(join(NODE_IMAGE_DIR, name)));
  return inputsHash([base, ...files]);
}

/** Script that prints the version of the server in an image, and how the server exits with each configuration. */
const PROBE = `server=$(command -v redis-server || command -v valkey-server) || exit 0
"$server" --version
for text in "$@"; do echo '--- probe'; printf '%s' "$text" | timeout 5 "$server" - 2>&1; done
true`;

/** Probes the server in an image: a build without a feature refuses a configuration that uses it. */
export async function probeFacts(image: string): Promise<BinaryFacts> {
  const command = ['run', '--rm', '--network', 'none', '--entrypoint', 'sh', image, '-c', PROBE, 'kit-probe'];
  const text = await docker([...command, DEFRAGMENTATION_PROBE, TLS_PROBE], { timeoutMs: 60_000 });
  const [banner = '', defragmentation = '', tls = ''] = text.split('--- probe\n');
  const server = parseBanner(banner);
  if (server === undefined) {
    throw new KitError(`the image must contain a redis-server or valkey-server that reports its version`, {
      code: 'IMAGE_UNUSABLE',
      where: image,
      hint: 'use a Redis or Valkey image with a shell, or run kit images build',
    });
  }
  return { ...server, activedefrag: hasDefragmentation(defragmentation), tls: hasTls(tls) };
}

/** Reads the list of local images; returns undefined if this machine uses published images. */
export function readImages(stateDir: string): LocalImages | undefined {
  const path = imagesFile(stateDir);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

export function writeImages(stateDir: string, images: LocalImages): void {
  const path = imagesFile(stateDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(images, null, 2)}\n`);
}

/** Images that were probed, by reference. */
export type ProbedImages = Readonly<
  Record<string, { /** Id of the image at that time. */ readonly id: string; readonly facts: BinaryFacts }>
>;

export const probedFile = (stateDir: string): string => join(stateDir, 'docker', 'probed-images.json');

export function readProbed(stateDir: string): ProbedImages {
  const path = probedFile(stateDir);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}
