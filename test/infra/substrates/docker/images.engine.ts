import { existsSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { buildImages } from '../../../../infra/substrates/docker/build-images.ts';
import { dockerChecks } from '../../../../infra/substrates/docker/doctor.ts';
import { docker, imageExists } from '../../../../infra/substrates/docker/engine.ts';
import { chooseImages, imagesFile } from '../../../../infra/substrates/docker/images.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { describeOnEngine } from './fixtures.ts';

const stateOf = async (id: string, stateDir: string) =>
  (await dockerChecks(stateDir)).find((check) => check.id === id)?.state;

describeOnEngine(
  'images without a registry',
  () => {
    it('missing images are built once; the doctor lists them', async () => {
      const state = temporaryStateDir();
      const first = await buildImages({ stateDir: state.path });
      expect(await stateOf('image-exporter', state.path)).toBe('ok');
      for (const { tag } of first) await docker(['image', 'rm', '--force', tag]);
      expect(await stateOf('image-exporter', state.path)).toBe('fail');

      const lines: string[] = [];
      const built = await buildImages({ stateDir: state.path, progress: (line) => lines.push(line) });
      expect(built.map(({ tag }) => tag)).toEqual(first.map(({ tag }) => tag));
      expect(built.map((image) => image.built)).toEqual([true, true, true]);
      expect(lines).toEqual(['image redis', 'image exporter', 'image commander']);
      for (const { tag } of built) expect(await imageExists(tag)).toBe(true);
      const again = await buildImages({ stateDir: state.path });
      expect(again.map((image) => image.built)).toEqual([false, false, false]);
      expect(chooseImages(state.path).facts).toMatchObject({
        version: expect.stringMatching(/^\d+\.\d+/),
        tls: true,
      });
      state[Symbol.dispose]();
    });

    it('no image is built when a registry is reachable: published ones by version are the default', async () => {
      const state = temporaryStateDir();
      expect(existsSync(imagesFile(state.path))).toBe(false);
      const { redis, exporter } = chooseImages(state.path);
      expect(redis).toMatchObject({ kind: 'dockerfile', base: expect.stringMatching(/^redis:\d/) });
      expect(exporter).toMatchObject({ kind: 'published', reference: expect.stringContaining(':v1.88.0') });
      // The doctor queries the registry: none listens on this address.
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
