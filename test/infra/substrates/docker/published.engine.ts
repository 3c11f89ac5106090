/** Published images, as on a machine with a registry: pulled by version, locked by digest, and deployed by digest. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readImagesLock } from '../../../../config/images-lock.ts';
import { loadEnvironment } from '../../../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { dockerChecks } from '../../../../infra/substrates/docker/doctor.ts';
import {
  docker,
  inspectContainers,
  listLabelled,
  tryDocker,
} from '../../../../infra/substrates/docker/engine.ts';
import { chooseImages } from '../../../../infra/substrates/docker/images.ts';
import { lockImages } from '../../../../infra/substrates/docker/images-lock.ts';
import { LABEL, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import {
  IMAGE_ROLES,
  type ImageRole,
  PUBLISHED,
  taggedReference,
} from '../../../../infra/substrates/docker/published-images.ts';
import { provideNodeImage } from '../../../../infra/substrates/docker/server-images.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import {
  findRegistryProblem,
  type ImageRegistry,
  startImageRegistry,
} from '../../../support/image-registry.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { describeOnEngine, engineStateDir } from './fixtures.ts';

const NAME = 'published';
/** The images that were built on this machine take the place of the published ones. */
const built = engineStateDir();
const state = temporaryStateDir();
const substrate = dockerSubstrate({ stateDir: state.path });
const lockFile = join(state.path, 'images.lock.yaml');
const noRegistry = await findRegistryProblem();
let registry: ImageRegistry;
let config: EnvironmentConfig;

const nameOf = (role: ImageRole) => taggedReference(role, registry.host);
const publish = async (image: string, name: string) => {
  await docker(['tag', image, name]);
  await docker(['push', '--quiet', name], { timeoutMs: 120_000 });
  await docker(['image', 'rm', name]);
};

describeOnEngine('published images', () => {
  describe.runIf(noRegistry === '')(noRegistry === '' ? 'of a registry' : `[skipped: ${noRegistry}]`, () => {
    beforeAll(async () => {
      registry = await startImageRegistry();
      vi.stubEnv('KIT_IMAGE_REGISTRY', registry.host);
      vi.stubEnv('KIT_IMAGES_LOCK', lockFile);
      const images = chooseImages(built.path);
      // The layers of a published Redis image are the lowest layers of the node image.
      const sourceOf = async (role: ImageRole) =>
        role === 'redis' ? await baseOf(images.redis) : tagOf(images[role]);
      for (const role of IMAGE_ROLES) await publish(await sourceOf(role), nameOf(role));
      const ports = { redis: 29_100, exporter: 29_120, commander: 29_121 };
      const monitoring = { prometheus: 29_122, alertmanager: 29_123 };
      config = environmentSchema.parse({
        ...loadEnvironment('single'),
        name: NAME,
        observability: { prometheus: true },
        docker: { ports: { ...ports, ...monitoring } },
      });
    });

    afterAll(async () => {
      await substrate.destroy(NAME);
      const node = chooseImages(state.path).redis;
      const here = await docker(['image', 'ls', '--digests', '--format', REFERENCE]);
      const pulled = here.split('\n').filter((reference) => reference.startsWith(registry.host));
      for (const reference of [tagOf(node), ...new Set(pulled)]) await tryDocker(['image', 'rm', reference]);
      await registry.stop();
      vi.unstubAllEnvs();
      built[Symbol.dispose]();
      state[Symbol.dispose]();
    });

    it('published images are pulled by version until they are locked; the doctor reports those that are not', async () => {
      expect(chooseImages(state.path)).toMatchObject({
        origin: 'tagged',
        exporter: { kind: 'published', reference: `${registry.host}/${PUBLISHED.exporter}` },
      });
      const check = (await dockerChecks(state.path)).find(({ id }) => id === 'images');
      expect(check).toMatchObject({ state: 'warn', remedy: 'kit images lock' });
    });

    it('published images that an environment names are pulled and probed before its deploy', async () => {
      const { version } = chooseImages(built.path).facts;
      const named = environmentSchema.parse({
        ...{ ...config, redis: { ...config.redis, server: `redis@${version}` } },
        docker: { ...config.docker, image: nameOf('redis') },
      });
      const lines: string[] = [];
      await provideNodeImage(state.path, named, { progress: (line) => lines.push(line) });
      expect(lines).toEqual([`image ${nameOf('redis')}`]);
      expect(chooseImages(state.path, named)).toMatchObject({
        redis: { kind: 'dockerfile', base: nameOf('redis') },
        facts: { version, tls: true },
      });
    });

    it('published images are locked by the digests of the registry, with the version that Redis reports', async () => {
      const report = await lockImages();
      for (const role of IMAGE_ROLES) {
        const [repository = '', tag = ''] = nameOf(role)
          .slice(registry.host.length + 1)
          .split(':');
        expect(report.images[role]?.digest).toBe(await registry.digestOf(repository, tag));
      }
      expect(readImagesLock(lockFile)?.facts).toMatchObject({ tls: true });
      expect((await lockImages()).images).toEqual(report.images);
      expect((await dockerChecks(state.path)).find(({ id }) => id === 'images')).toMatchObject({
        state: 'ok',
      });
    });

    it('published images are deployed by digest, and a second plan changes nothing', async () => {
      const lines: string[] = [];
      const progress = (line: string) => lines.push(line);
      const environment = await substrate.apply(planTopology(config), { ephemeral: false, progress });
      await environment[Symbol.asyncDispose]();
      expect(lines.join('\n')).toContain('published images by digest');
      const { exporter, monitoring } = planDocker(planTopology(config));
      const digestsOf = async (container = '') => {
        const image = (await inspectContainers([container])).get(container)?.Image ?? '';
        return await docker(['image', 'inspect', '--format', '{{json .RepoDigests}}', image]);
      };
      const locked = readImagesLock(lockFile)?.images;
      expect(await digestsOf(exporter.container)).toContain(locked?.exporter.digest);
      expect(await digestsOf(monitoring?.prometheus.container)).toContain(locked?.prometheus?.digest);
      expect((await substrate.plan(planTopology(config))).map(({ action }) => action)).toEqual(['keep']);
    });

    it('published images with a moved tag are reported by the lock, and deploys use the locked digest', async () => {
      const before = readFileSync(lockFile, 'utf8');
      await publish(tagOf(chooseImages(built.path).commander), nameOf('exporter'));
      await expect(lockImages()).rejects.toMatchObject({
        code: 'IMAGE_TAG_MOVED',
        message: expect.stringContaining(PUBLISHED.exporter),
        exitCode: 1,
      });
      expect(readFileSync(lockFile, 'utf8')).toBe(before);
      expect((await substrate.plan(planTopology(config))).map(({ action }) => action)).toEqual(['keep']);
      const accepted = await lockImages({ acceptMoved: true });
      expect(accepted.images.exporter.digest).toBe(accepted.images.commander.digest);
      writeFileSync(lockFile, before);
    });

    it('published images are not resolved without a registry, and the lock remains unchanged', async () => {
      const before = readFileSync(lockFile, 'utf8');
      vi.stubEnv('KIT_IMAGE_REGISTRY', '127.0.0.1:9');
      await expect(lockImages()).rejects.toMatchObject({
        code: 'IMAGES_NOT_RESOLVED',
        message: expect.stringMatching(/redis:.*NOT resolved: .*refused/),
        hint: expect.stringContaining('kit images build'),
        exitCode: 3,
      });
      vi.stubEnv('KIT_IMAGE_REGISTRY', registry.host);
      expect(readFileSync(lockFile, 'utf8')).toBe(before);
    });

    it('published images are all that remains after a destroy', async () => {
      await substrate.destroy(NAME);
      for (const kind of ['container', 'volume', 'network'] as const) {
        expect(await listLabelled(kind, `${LABEL.environment}=${NAME}`)).toEqual([]);
      }
    });
  });
});

const REFERENCE = '{{.Repository}}{{if ne .Tag "<none>"}}:{{.Tag}}{{else}}@{{.Digest}}{{end}}';

const tagOf = (choice: ReturnType<typeof chooseImages>['redis']): string =>
  choice.kind === 'published' ? choice.reference : choice.tag;

/** Returns the built base image whose layers are the first layers of the node image. */
async function baseOf(node: ReturnType<typeof chooseImages>['redis']): Promise<string> {
  const layers = (image: string) =>
    docker(['image', 'inspect', '--format', '{{json .RootFS.Layers}}', image]);
  const [first] = JSON.parse(await layers(tagOf(node)));
  const bases = await docker([
    'image',
    'ls',
    '--format',
    '{{.Repository}}:{{.Tag}}',
    'redis-cache-kit/base-redis',
  ]);
  for (const base of bases.split('\n')) if ((await layers(base)).includes(first)) return base;
  throw new Error('the node image must begin with the layers of a built base image');
}
