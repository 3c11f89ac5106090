import { existsSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { buildImages } from '../../../../infra/substrates/docker/build-images.ts';
import { dockerChecks } from '../../../../infra/substrates/docker/doctor.ts';
import { docker, imageExists, tryDocker } from '../../../../infra/substrates/docker/engine.ts';
import { chooseImages, imagesFile } from '../../../../infra/substrates/docker/images.ts';
import { IMAGE_ROLES } from '../../../../infra/substrates/docker/published-images.ts';
import { provideNodeImage } from '../../../../infra/substrates/docker/server-images.ts';
import { listTestServers } from '../../../support/servers.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration, describeOnEngine } from './fixtures.ts';

const server = (await listTestServers()).find(({ name }) => name.startsWith('Redis 8.2.'));
const named = (title: string) => (server ? title : `${title} [skipped: KIT_TEST_SERVERS has no Redis 8.2]`);

function asking(wanted: string, image?: string) {
  const config = configuration('asking');
  const redis = { ...config.redis, server: wanted };
  return environmentSchema.parse({ ...config, redis, docker: { ...config.docker, image } });
}

const stateOf = async (id: string, stateDir: string) =>
  (await dockerChecks(stateDir)).find((check) => check.id === id)?.state;

describeOnEngine(
  'images without a registry',
  () => {
    it('missing images are built once, and the doctor lists them', async () => {
      const state = temporaryStateDir();
      const first = await buildImages({ stateDir: state.path });
      expect(await stateOf('image-redis', state.path)).toBe('ok');
      // One image that is built on a base image, and one that is imported from packages. The setup of the tests has built
      // all of them, and their tags are hashes of their inputs.
      const removed = new Set<string>(['redis', 'alertmanager']);
      for (const { role, tag } of first) if (removed.has(role)) await docker(['image', 'rm', '--force', tag]);
      expect(await stateOf('image-redis', state.path)).toBe('fail');
      expect(await stateOf('image-exporter', state.path)).toBe('ok');

      const lines: string[] = [];
      const built = await buildImages({ stateDir: state.path, progress: (line) => lines.push(line) });
      expect(built.map(({ tag }) => tag)).toEqual(first.map(({ tag }) => tag));
      expect(built.map((image) => image.built)).toEqual(IMAGE_ROLES.map((role) => removed.has(role)));
      expect(lines).toEqual(IMAGE_ROLES.map((role) => `image ${role}`));
      for (const { tag } of built) expect(await imageExists(tag)).toBe(true);
      const again = await buildImages({ stateDir: state.path });
      expect(again.map((image) => image.built)).toEqual(IMAGE_ROLES.map(() => false));
      expect(chooseImages(state.path).facts).toMatchObject({
        version: expect.stringMatching(/^\d+\.\d+/),
        tls: true,
      });
      state[Symbol.dispose]();
    });

    it.runIf(server)(named('a server program on this machine is built into a separate image'), async () => {
      const state = temporaryStateDir();
      const path = server?.path;
      const built = (await buildImages({ stateDir: state.path, server: path })).at(-1);
      expect(built).toMatchObject({ role: 'server' });
      const { redis, facts } = chooseImages(state.path, asking('redis@8.2'));
      expect(redis).toEqual({ kind: 'local', tag: built?.tag });
      expect(facts).toMatchObject({ family: 'redis', version: server?.version });
      const check = ['run', '--rm', '--entrypoint', 'redis-check-rdb', built?.tag ?? '', '--version'];
      expect((await tryDocker(check)).stdout).toContain(server?.version);
      await buildImages({ stateDir: state.path });
      expect(chooseImages(state.path, asking('redis@8.2')).redis).toEqual(redis);
      state[Symbol.dispose]();
    });

    it('a program that is not a server is refused before an image is built', async () => {
      const state = temporaryStateDir();
      const lines: string[] = [];
      const progress = (line: string) => lines.push(line);
      await expect(buildImages({ stateDir: state.path, server: '/bin/sh', progress })).rejects.toMatchObject({
        code: 'SERVER_UNKNOWN',
        where: '/bin/sh',
      });
      expect(lines).toEqual([]);
      state[Symbol.dispose]();
    });

    it('an image with another version, or one that no registry has, is refused before a deploy', async () => {
      const state = temporaryStateDir();
      await buildImages({ stateDir: state.path });
      const { redis, facts } = chooseImages(state.path);
      const image = redis.kind === 'local' ? redis.tag : '';
      await expect(provideNodeImage(state.path, asking('valkey@9.0', image))).rejects.toMatchObject({
        code: 'IMAGE_OTHER_VERSION',
        message: `image ${image} has Redis ${facts.version}; redis.server requires Valkey 9.0`,
        where: 'asking: docker.image',
      });
      await provideNodeImage(state.path, asking(`redis@${facts.version}`, image));
      vi.stubEnv('KIT_IMAGE_REGISTRY', '127.0.0.1:1');
      await expect(provideNodeImage(state.path, asking('valkey@9.0'))).rejects.toMatchObject({
        code: 'IMAGE_NOT_AVAILABLE',
        message: expect.stringMatching(
          new RegExp(
            `^no image with Valkey 9\\.0: 127.* cannot be pulled: .*this machine have Redis ${facts.version}`,
          ),
        ),
        where: 'asking: redis.server',
        hint: expect.stringContaining('kit images build --server PATH'),
      });
      vi.unstubAllEnvs();
      state[Symbol.dispose]();
    });

    it('no image is built if a registry is reachable, because published images are the default', async () => {
      const state = temporaryStateDir();
      expect(existsSync(imagesFile(state.path))).toBe(false);
      const { redis, exporter } = chooseImages(state.path);
      expect(redis).toMatchObject({ kind: 'dockerfile', base: expect.stringMatching(/^redis:\d/) });
      expect(exporter).toMatchObject({ kind: 'published', reference: expect.stringContaining(':v1.88.0') });
      // The doctor queries the registry at this address, where no process listens.
      vi.stubEnv('KIT_IMAGE_REGISTRY', '127.0.0.1:1');
      for (const role of ['redis', 'exporter', 'commander'])
        expect(await stateOf(`image-${role}`, state.path)).toBe('fail');
      vi.unstubAllEnvs();
      state[Symbol.dispose]();
    });

    it('the doctor names an unreachable engine, and the remedy', async () => {
      vi.stubEnv('DOCKER_HOST', 'unix:///nowhere/docker.sock');
      const [engine] = await dockerChecks('/nowhere');
      vi.unstubAllEnvs();
      expect(engine).toMatchObject({
        id: 'docker-engine',
        state: 'fail',
        remedy: expect.stringContaining('DOCKER_HOST'),
      });
    });
  },
  'engine',
);
