/**
 * `images.lock.yaml`: the digest of every published image, with the version for which it was resolved. The file is
 * committed; `kit images lock` writes it, and it is never edited manually.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { sha256Hex } from './digest.ts';
import { KitError } from './errors.ts';
import { validate } from './validate.ts';
import { readYaml } from './yaml.ts';

const SCHEMA = 'redis-cache-kit/images-lock/1';

const image = z.strictObject({
  version: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits'),
});
const lockSchema = z.strictObject({
  schema: z.literal(SCHEMA),
  images: z.strictObject({
    redis: image,
    exporter: image,
    commander: image,
    // Absent if the registry did not have the image.
    prometheus: image.optional(),
    alertmanager: image.optional(),
  }),
  /** Version and build features that the Redis in the image reported. */
  facts: z.strictObject({ version: z.string(), activedefrag: z.boolean(), tls: z.boolean() }),
  /** SHA-256 over the other fields, so that a manually edited lock is rejected. */
  sum: z.string(),
});

export type ImagesLock = Pick<z.infer<typeof lockSchema>, 'images' | 'facts'>;

/**
 * Reads the lock; undefined if there is none.
 *
 * @throws KitError `IMAGES_LOCK_INVALID`
 */
export function readImagesLock(path: string): ImagesLock | undefined {
  if (!existsSync(path)) return undefined;
  const { images, facts, sum } = readValidated(path);
  if (sum !== sumOf({ images, facts })) throw invalid('its content does not match its digest', path);
  return { images, facts };
}

function readValidated(path: string): z.infer<typeof lockSchema> {
  try {
    return validate(lockSchema, readYaml(path));
  } catch (cause) {
    if (!(cause instanceof KitError)) throw cause;
    throw invalid(cause.message, cause.where ?? path, cause);
  }
}

export function writeImagesLock(path: string, lock: ImagesLock): void {
  const lines = [
    '# The published images, by digest. Written by `kit images lock`; committed.',
    `schema: ${SCHEMA}`,
    'images:',
    ...Object.entries(lock.images).flatMap(([role, image]) =>
      image === undefined ? [] : [`  ${role}: { version: '${image.version}', digest: '${image.digest}' }`],
    ),
    `facts: { version: '${lock.facts.version}', activedefrag: ${lock.facts.activedefrag}, tls: ${lock.facts.tls} }`,
    `sum: '${sumOf(lock)}'`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
}

function sumOf({ images, facts }: ImagesLock): string {
  const { redis, exporter, commander, prometheus, alertmanager } = images;
  const rows = [redis, exporter, commander, prometheus, alertmanager].flatMap((image) =>
    image === undefined ? [] : [`${image.version} ${image.digest}`],
  );
  rows.push(`${facts.version} ${facts.activedefrag} ${facts.tls}`);
  return sha256Hex(rows.join('\n'));
}

const invalid = (why: string, where: string, cause?: KitError): KitError =>
  new KitError(`cannot use the image lock: ${why}`, {
    code: 'IMAGES_LOCK_INVALID',
    where,
    hint: 'run git checkout config/images.lock.yaml, or kit images lock with access to a registry',
    ...(cause === undefined ? {} : { cause }),
  });
