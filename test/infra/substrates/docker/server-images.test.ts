/** Selection of the node image by `redis.server` and `docker.image`, without an engine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import {
  chooseImages,
  describeImages,
  type LocalImages,
  probedFile,
  writeImages,
} from '../../../../infra/substrates/docker/images.ts';
import { PUBLISHED } from '../../../../infra/substrates/docker/published-images.ts';
import { type StateDir, temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

let state: StateDir;
beforeEach(() => {
  state = temporaryStateDir();
  vi.stubEnv('KIT_IMAGES_LOCK', join(state.path, 'none.yaml'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  state[Symbol.dispose]();
});

function nodesOf(server?: string, image?: string) {
  const dev = configuration('images');
  return chooseImages(
    state.path,
    environmentSchema.parse({
      ...{ ...dev, redis: { ...dev.redis, server } },
      docker: { ...dev.docker, image },
    }),
  );
}

const own: LocalImages = {
  redis: 'own/redis:1',
  exporter: 'own/exporter:1',
  commander: 'own/commander:1',
  facts: { family: 'redis', version: '7.0.15', activedefrag: false, tls: true },
  servers: [
    { tag: 'own/redis:2', facts: { family: 'valkey', version: '9.1.2', activedefrag: true, tls: false } },
  ],
};

describe('the node image', () => {
  it('is the built-in image if the environment names no server or the built-in one', () => {
    const { redis, exporter } = chooseImages(state.path);
    expect(redis).toMatchObject({ kind: 'dockerfile', base: PUBLISHED.redis });
    expect(nodesOf()).toMatchObject({ redis, exporter });
    expect(nodesOf('redis@8.2').redis).toEqual(redis);
  });

  it.each([
    ['redis@7.4', undefined, 'redis:7.4'],
    ['redis@7.4.6', 'mirror:5000', 'mirror:5000/library/redis:7.4.6'],
    ['valkey@9.0', undefined, 'valkey/valkey:9.0'],
    ['valkey@9.0', 'mirror:5000', 'mirror:5000/valkey/valkey:9.0'],
  ])('of %s in the registry %s is %s', (server, registry, base) => {
    if (registry !== undefined) vi.stubEnv('KIT_IMAGE_REGISTRY', registry);
    const [family, version] = server.split('@');
    const { redis, facts, exporter } = nodesOf(server);
    expect(redis).toMatchObject({ kind: 'dockerfile', base });
    expect(facts).toMatchObject({ family, version });
    expect(exporter).toEqual(chooseImages(state.path).exporter);
  });

  it('is built on docker.image, even on a machine with locally built images', () => {
    const image = 'registry.example/cache/redis:8.4';
    expect(nodesOf('redis@8.4', image).redis).toMatchObject({ kind: 'dockerfile', base: image });
    writeImages(state.path, own);
    expect(nodesOf('redis@7.0', image).redis).toMatchObject({ kind: 'dockerfile', base: image });
  });

  it('has the probed features or, before the probe, the features of a published image', () => {
    expect(nodesOf('redis@7.4').facts).toEqual({
      ...{ family: 'redis', version: '7.4', activedefrag: true, tls: true },
    });
    const facts = { family: 'redis', version: '7.4.6', activedefrag: false, tls: false };
    mkdirSync(dirname(probedFile(state.path)), { recursive: true });
    writeFileSync(probedFile(state.path), JSON.stringify({ 'redis:7.4': { id: 'sha256:1', facts } }));
    expect(nodesOf('redis@7.4').facts).toEqual(facts);
  });

  it('is an image on this machine that has the server, if such an image exists', () => {
    writeImages(state.path, own);
    expect(nodesOf('redis@7.0').redis).toEqual({ kind: 'local', tag: 'own/redis:1' });
    expect(nodesOf('valkey@9.1')).toMatchObject({
      redis: { kind: 'local', tag: 'own/redis:2' },
      exporter: { kind: 'local', tag: 'own/exporter:1' },
      facts: own.servers?.[0]?.facts,
    });
    expect(nodesOf('redis@8.2').redis).toMatchObject({ kind: 'dockerfile', base: 'redis:8.2' });
  });

  it('is chosen together with images of Prometheus and Alertmanager, which an earlier build may lack', () => {
    writeImages(state.path, own);
    const missing = { kind: 'local', tag: 'redis-cache-kit/prometheus:not-built' };
    expect(chooseImages(state.path).prometheus).toEqual(missing);
    writeImages(state.path, { ...own, prometheus: 'own/prometheus:1', alertmanager: 'own/alertmanager:1' });
    expect(chooseImages(state.path)).toMatchObject({
      prometheus: { kind: 'local', tag: 'own/prometheus:1' },
      alertmanager: { kind: 'local', tag: 'own/alertmanager:1' },
    });
  });

  it('is printed with its server at the start of a deploy', () => {
    writeImages(state.path, own);
    expect(describeImages(nodesOf('valkey@9.1'))).toBe(
      'images built or loaded on this machine (kit images build, kit bundle load), without a registry; nodes: Valkey 9.1.2 from own/redis:2',
    );
    expect(describeImages(nodesOf('redis@7.4'))).toContain('nodes: Redis 7.4 from redis:7.4');
  });
});
