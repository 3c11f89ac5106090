import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { type ImagesLock, readImagesLock, writeImagesLock } from '../../config/images-lock.ts';
import {
  IMAGE_ROLES,
  PUBLISHED,
  publishedImages,
  repositoryOf,
} from '../../infra/substrates/docker/published-images.ts';
import { temporaryStateDir } from '../infra/substrates/local/fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());
const file = join(state.path, 'images.lock.yaml');
const digest = (of: string) => `sha256:${of.repeat(64)}`;
const source = { imageRegistry: undefined, imagesLock: file };

const monitoring = {
  prometheus: { version: PUBLISHED.prometheus, digest: digest('d') },
  alertmanager: { version: PUBLISHED.alertmanager, digest: digest('e') },
};

function lock(
  redis: string = PUBLISHED.redis,
  optional: Pick<ImagesLock['images'], 'prometheus' | 'alertmanager'> = {},
): void {
  mkdirSync(state.path, { recursive: true });
  writeImagesLock(file, {
    images: {
      redis: { version: redis, digest: digest('a') },
      exporter: { version: PUBLISHED.exporter, digest: digest('b') },
      commander: { version: PUBLISHED.commander, digest: digest('c') },
      ...optional,
    },
    facts: { version: '8.2.1', activedefrag: true, tls: true },
  });
}

beforeEach(() => lock());

it('a lock is the same when it is read back, and without a lock images are pulled by version', () => {
  expect(readImagesLock(file)?.images.exporter).toEqual({ version: PUBLISHED.exporter, digest: digest('b') });
  expect(publishedImages(source)).toMatchObject({
    locked: true,
    references: { redis: `redis@${digest('a')}`, commander: `rediscommander/redis-commander@${digest('c')}` },
  });
  const without = publishedImages({ ...source, imagesLock: join(state.path, 'none.yaml') });
  expect(without).toMatchObject({ locked: false, references: PUBLISHED });
});

it('a mirror replaces the registry and keeps the digests', () => {
  const mirrored = publishedImages({ ...source, imageRegistry: '127.0.0.1:5000' }).references;
  expect(mirrored.redis).toBe(`127.0.0.1:5000/library/redis@${digest('a')}`);
  expect(repositoryOf('127.0.0.1:5000/library/redis:8')).toBe('127.0.0.1:5000/library/redis');
});

it('a lock from another version of the kit is reported as stale, with the versions', () => {
  lock('redis:7.4.0-bookworm');
  expect(() => publishedImages(source)).toThrow(
    expect.objectContaining({
      code: 'IMAGES_LOCK_STALE',
      message: expect.stringContaining(`redis redis:7.4.0-bookworm, this kit requires ${PUBLISHED.redis}`),
      hint: expect.stringContaining('kit images lock'),
    }),
  );
});

it('a lock without Prometheus is valid, but not for an environment that uses it', () => {
  expect(publishedImages(source).references.prometheus).toBe(PUBLISHED.prometheus);
  expect(() => publishedImages(source, IMAGE_ROLES)).toThrow(
    expect.objectContaining({
      code: 'IMAGES_LOCK_STALE',
      message: expect.stringContaining(`alertmanager missing, this kit requires ${PUBLISHED.alertmanager}`),
    }),
  );
  lock(PUBLISHED.redis, monitoring);
  expect(readImagesLock(file)?.images).toMatchObject(monitoring);
  expect(publishedImages(source, IMAGE_ROLES).references).toMatchObject({
    prometheus: `prom/prometheus@${digest('d')}`,
    alertmanager: `prom/alertmanager@${digest('e')}`,
  });
});

it('a lock with another Prometheus is stale even if no environment uses it', () => {
  const other = { ...monitoring, prometheus: { version: 'prom/prometheus:v1.0.0', digest: digest('d') } };
  lock(PUBLISHED.redis, other);
  expect(() => publishedImages(source)).toThrow(
    expect.objectContaining({ message: expect.stringContaining('prometheus prom/prometheus:v1.0.0') }),
  );
});

it.each([
  [
    'a modified digest',
    (text: string) => text.replace(digest('b'), digest('d')),
    'does not match its digest',
  ],
  ['an invalid digest', (text: string) => text.replace(digest('b'), 'latest'), '64 hex digits'],
  ['another format', (text: string) => text.replace('images-lock/1', 'images-lock/9'), 'images-lock/9'],
  ['a file that is cut off', (text: string) => text.slice(0, 180), ''],
])('%s is rejected with the file and the remedy', (_, change, why) => {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  expect(() => readImagesLock(file)).toThrow(
    expect.objectContaining({
      code: 'IMAGES_LOCK_INVALID',
      message: expect.stringContaining(why),
      where: expect.stringContaining('images.lock.yaml'),
      hint: expect.stringContaining('kit images lock'),
    }),
  );
});
