/**
 * Published images: their versions, and the references that containers use. References contain a tag until `kit images
 * lock` has resolved them, then a digest.
 */

import { KitError } from '../../../config/errors.ts';
import { type ImagesLock, readImagesLock } from '../../../config/images-lock.ts';
import type { NamedServer, ServerFamily } from '../../../config/server-name.ts';
import type { BinaryFacts } from '../../redis/server-capabilities.ts';
import type { DockerSettings } from './settings.ts';

/** Images of every environment. */
export const BASE_ROLES = ['redis', 'exporter', 'commander'] as const;
/** Images that only environments with `observability.prometheus` use. */
export const MONITORING_ROLES = ['prometheus', 'alertmanager'] as const;
export const IMAGE_ROLES = [...BASE_ROLES, ...MONITORING_ROLES] as const;
export type MonitoringRole = (typeof MONITORING_ROLES)[number];
export type ImageRole = (typeof IMAGE_ROLES)[number];

export const PUBLISHED = {
  redis: 'redis:8.2.1-bookworm',
  exporter: 'oliver006/redis_exporter:v1.88.0-alpine',
  commander: 'rediscommander/redis-commander:0.9.0',
  prometheus: 'prom/prometheus:v3.5.0',
  alertmanager: 'prom/alertmanager:v0.28.1',
} as const satisfies Record<ImageRole, string>;

/** Facts about the version above, used until a lock contains the facts about the image itself. */
const FACTS: BinaryFacts = { version: '8.2.1', activedefrag: true, tls: true };

export interface PublishedImages {
  readonly references: Readonly<Record<ImageRole, string>>;
  readonly facts: BinaryFacts;
  readonly locked: boolean;
}

type Source = Pick<DockerSettings, 'imageRegistry' | 'imagesLock'>;

/**
 * Returns the published images.
 *
 * @param needed images that the lock must contain, if there is a lock
 * @throws KitError `IMAGES_LOCK_INVALID`, `IMAGES_LOCK_STALE`
 */
export function publishedImages(
  { imageRegistry, imagesLock }: Source,
  needed: readonly ImageRole[] = BASE_ROLES,
): PublishedImages {
  const lock = readImagesLock(imagesLock);
  if (lock !== undefined) mustBeOfThisKit(lock, imagesLock, needed);
  const referenceOf = (role: ImageRole) => {
    const digest = lock?.images[role]?.digest;
    const tagged = taggedReference(role, imageRegistry);
    return digest === undefined ? tagged : `${repositoryOf(tagged)}@${digest}`;
  };
  return {
    references: {
      redis: referenceOf('redis'),
      exporter: referenceOf('exporter'),
      commander: referenceOf('commander'),
      prometheus: referenceOf('prometheus'),
      alertmanager: referenceOf('alertmanager'),
    },
    facts: lock?.facts ?? FACTS,
    locked: lock !== undefined,
  };
}

/**
 * Returns the reference to the image by version, in the registry that the user named or in the engine's default
 * registry.
 */
export function taggedReference(role: ImageRole, registry: string | undefined): string {
  return inRegistry(PUBLISHED[role], registry);
}

/** Published server images, whose tags are versions. */
const SERVER_IMAGES: Readonly<Record<ServerFamily, string>> = { redis: 'redis', valkey: 'valkey/valkey' };

/** Returns the reference to the published image of a server, by version. */
export function serverReference({ family, version }: NamedServer, registry: string | undefined): string {
  return inRegistry(`${SERVER_IMAGES[family]}:${version}`, registry);
}

function inRegistry(version: string, registry: string | undefined): string {
  if (registry === undefined) return version;
  // Mirrors store images without an owner under `library`.
  return `${registry}/${version.includes('/') ? version : `library/${version}`}`;
}

/** Returns the reference without the tag; the port of a registry is kept. */
export const repositoryOf = (reference: string): string => reference.replace(/:[^:/]+$/, '');

function mustBeOfThisKit({ images }: ImagesLock, where: string, needed: readonly ImageRole[]): void {
  const other = IMAGE_ROLES.filter((role) => {
    const version = images[role]?.version;
    return version === undefined ? needed.includes(role) : version !== PUBLISHED[role];
  });
  if (other.length === 0) return;
  const list = other.map(
    (role) => `${role} ${images[role]?.version ?? 'missing'}, this kit requires ${PUBLISHED[role]}`,
  );
  throw new KitError(`the image lock has other versions: ${list.join('; ')}`, {
    code: 'IMAGES_LOCK_STALE',
    where,
    hint: 'run kit images lock with access to a registry, and commit the file',
  });
}
