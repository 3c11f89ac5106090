/**
 * Images that the containers run: published ones by version, or local ones of this machine.
 *
 * `kit images build` and `kit bundle load` write `<state>/docker/images.json`. While that file exists, its tags are
 * used and no registry is queried. A tag is the hash of the inputs: an existing image is never built again.
 */

import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import type { BinaryFacts } from '../../redis/conf/redis-conf.ts';
import { inputsHash } from './base-image.ts';
import { docker } from './engine.ts';
import { publishedImages } from './published-images.ts';
import { dockerSettings } from './settings.ts';

/** Source of a container's image. */
export type ImageChoice =
  /** Available on this engine; never pulled. */
  | { readonly kind: 'local'; readonly tag: string }
  /** Pulled by version or digest. */
  | { readonly kind: 'published'; readonly reference: string }
  /** Built from the Dockerfile on a published base, by Terraform. */
  | { readonly kind: 'dockerfile'; readonly base: string; readonly tag: string };

export interface ImageSet {
  readonly redis: ImageChoice;
  readonly exporter: ImageChoice;
  readonly commander: ImageChoice;
  /** Features of the Redis in this set. */
  readonly facts: BinaryFacts;
  readonly origin: ImageOrigin;
}

/** `locked`: published, by digest. `tagged`: published, by version. `own`: built or loaded on this machine. */
export type ImageOrigin = 'locked' | 'tagged' | 'own';

export const ORIGINS: Readonly<Record<ImageOrigin, string>> = {
  locked: 'published images by digest (config/images.lock.yaml)',
  tagged: 'published images by version, without locked digests (kit images lock)',
  own: 'images of this machine (kit images build, kit bundle load), without a registry',
};

export interface LocalImages {
  readonly redis: string;
  readonly exporter: string;
  readonly commander: string;
  readonly facts: BinaryFacts;
}

/** Files that the Redis image adds to its base. */
export const NODE_IMAGE_DIR = join(import.meta.dirname, 'image');
export const REPOSITORY = 'redis-cache-kit';

export const imagesFile = (stateDir: string): string => join(stateDir, 'docker', 'images.json');

/**
 * Returns the images that a deploy would use now. Reads files only, queries no registry.
 *
 * @throws KitError `IMAGES_LOCK_INVALID`, `IMAGES_LOCK_STALE`
 */
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

/** Tag of the Redis image: the hash of its base and the files that it adds. */
export function nodeImageHash(base: string): string {
  const files = ['Dockerfile', 'node.sh'].map((name) => readFileSync(join(NODE_IMAGE_DIR, name)));
  return inputsHash([base, ...files]);
}

/** Probes the redis-server of the image. `activedefrag yes` is fatal on a build with the system's allocator. */
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
    throw new KitError(`the image must contain a redis-server that reports its version`, {
      code: 'IMAGE_UNUSABLE',
      where: tag,
      hint: 'kit images build',
    });
  }
  return { version, activedefrag: !text.includes('nodefrag'), tls: !text.includes('notls') };
}

/** Reads the list of local images, for `bundle`. */
export async function readLocalImages(stateDir: string): Promise<LocalImages | undefined> {
  const path = imagesFile(stateDir);
  return existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : undefined;
}
