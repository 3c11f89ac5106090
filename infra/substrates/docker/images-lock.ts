/**
 * `kit images lock`: versions ─▶ pulled by the engine ─▶ digests ─▶ the lock file, all of them or none. The engine
 * pulls the images with the user's own logins, proxies and mirrors, so that the lock contains what was actually pulled.
 *
 * A mirror may lack the images of Prometheus and Alertmanager, which few environments use: they are left out of the
 * lock, and an environment that uses them is then refused (`published-images.ts`).
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { type ImagesLock, readImagesLock, writeImagesLock } from '../../../config/images-lock.ts';
import { docker, tryDocker } from './engine.ts';
import { probeFacts } from './images.ts';
import {
  BASE_ROLES,
  IMAGE_ROLES,
  type ImageRole,
  MONITORING_ROLES,
  PUBLISHED,
  repositoryOf,
  taggedReference,
} from './published-images.ts';
import { dockerSettings } from './settings.ts';

const PULL_TIMEOUT_MS = 600_000;

export interface LockOptions {
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Whether to accept a tag that now points to another digest. */
  readonly acceptMoved?: boolean;
}

export interface LockReport {
  readonly file: string;
  readonly images: ImagesLock['images'];
}

/** Locks the images. @throws KitError `IMAGES_NOT_RESOLVED`, `IMAGE_TAG_MOVED`; in both cases the lock is unchanged */
export async function lockImages(options: LockOptions = {}): Promise<LockReport> {
  const { imageRegistry, imagesLock } = dockerSettings();
  const before = readUsable(imagesLock);
  const digests = new Map<ImageRole, string>();
  const failed: string[] = [];
  for (const role of BASE_ROLES) {
    const found = await resolveImage(role, imageRegistry, options);
    if ('digest' in found) digests.set(role, found.digest);
    else failed.push(`${found.reference}: NOT resolved: ${found.why}`);
  }
  if (failed.length > 0) throw notResolved(failed, imagesLock);
  for (const role of MONITORING_ROLES) {
    const found = await resolveImage(role, imageRegistry, options);
    const previous = before?.images[role];
    if ('digest' in found) digests.set(role, found.digest);
    else if (previous?.version === PUBLISHED[role]) digests.set(role, previous.digest);
    else
      options.progress?.(`${found.reference}: not locked, needed for observability.prometheus: ${found.why}`);
  }
  const entry = (role: ImageRole) => ({ version: PUBLISHED[role], digest: digests.get(role) ?? '' });
  const images = {
    ...{ redis: entry('redis'), exporter: entry('exporter'), commander: entry('commander') },
    ...(digests.has('prometheus') && { prometheus: entry('prometheus') }),
    ...(digests.has('alertmanager') && { alertmanager: entry('alertmanager') }),
  };
  if (before !== undefined && options.acceptMoved !== true) mustNotHaveMoved(before, images, imagesLock);
  const redis = `${repositoryOf(taggedReference('redis', imageRegistry))}@${images.redis.digest}`;
  writeImagesLock(imagesLock, { images, facts: await probeFacts(redis) });
  return { file: imagesLock, images };
}

/** Returns the current lock; undefined if it is invalid, so that a new lock replaces it. */
function readUsable(path: string): ImagesLock | undefined {
  try {
    return readImagesLock(path);
  } catch (error) {
    if (error instanceof KitError) return undefined;
    throw error;
  }
}

async function resolveImage(
  role: ImageRole,
  registry: string | undefined,
  { progress, signal }: LockOptions,
): Promise<{ readonly digest: string } | { readonly reference: string; readonly why: string }> {
  const reference = taggedReference(role, registry);
  progress?.(`image ${reference}`);
  const limits = { timeoutMs: PULL_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
  const pulled = await tryDocker(['pull', '--quiet', reference], limits);
  if (pulled.exitCode !== 0)
    return { reference, why: pulled.stderr.trim().split('\n').at(-1) ?? 'the pull failed' };
  const text = await docker(['image', 'inspect', '--format', '{{json .RepoDigests}}', reference]);
  const prefix = `${repositoryOf(reference)}@`;
  const known: readonly string[] = JSON.parse(text) ?? [];
  const digest = known.find((each) => each.startsWith(prefix))?.slice(prefix.length);
  return digest === undefined ? { reference, why: 'the registry returned no digest' } : { digest };
}

function mustNotHaveMoved(before: ImagesLock, now: ImagesLock['images'], where: string): void {
  const list = IMAGE_ROLES.flatMap((role) => {
    const [was, is] = [before.images[role], now[role]];
    const isMoved = was !== undefined && was.version === is?.version && was.digest !== is.digest;
    return isMoved ? [`${is.version} was ${was.digest}, is ${is.digest}`] : [];
  });
  if (list.length === 0) return;
  throw new KitError(`a locked tag now points to another image: ${list.join('; ')}`, {
    code: 'IMAGE_TAG_MOVED',
    where,
    hint: 'deploys keep the locked image; to accept the new one: kit images lock --accept-moved',
    exitCode: EXIT.NO_GO,
  });
}

const notResolved = (failed: readonly string[], where: string): KitError =>
  new KitError(
    `nothing was locked, and the lock is unchanged\n${failed.map((line) => `  ${line}`).join('\n')}`,
    {
      code: 'IMAGES_NOT_RESOLVED',
      where,
      hint: 'run the command with access to a registry (or set KIT_IMAGE_REGISTRY to a mirror), or run kit images build',
      exitCode: EXIT.UNKNOWN,
    },
  );
