/**
 * Two checkouts on one engine, simulated by two state directories. No command of the second checkout changes the
 * environment of the first one until the second takes it over. A deleted state directory counts as another checkout.
 */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { partsOf } from '../../../../infra/substrates/docker/ownership.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import type { Adopt } from '../../../../infra/substrates/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { describeOnEngine, engineStateDir, runPlainCdktf } from './fixtures.ts';

const NAME = 'owned';
const ports = { redis: 28_300, exporter: 28_320, commander: 28_321 };
/** An environment that is protected in the configuration of the owner, but not in that of the other checkout. */
const guarded = environmentSchema.parse({
  ...loadEnvironment('single'),
  name: NAME,
  docker: { ports, protected: true },
});
const unguarded = environmentSchema.parse({ ...loadEnvironment('single'), name: NAME, docker: { ports } });
const [node] = planDocker(planTopology(guarded)).nodes;
const one = engineStateDir();
const other = engineStateDir();
const place = (path: string) => `${hostname()}:${path}`;

const up = (stateDir: string, adopt?: Adopt, ephemeral = false) =>
  dockerSubstrate({ stateDir }).apply(planTopology(unguarded), { ephemeral, adopt });
const down = (stateDir: string, adopt?: Adopt) =>
  dockerSubstrate({ stateDir }).destroy(NAME, { adopt, configuration: unguarded });
const yes: Adopt = async () => true;
const keptValue = async (environment: Environment) => await (await environment.admin('redis-1')).get('kept');

async function idOfNode(): Promise<string | undefined> {
  return (await inspectContainers([node?.container ?? ''])).get(node?.container ?? '')?.Id;
}

describeOnEngine('an environment of another checkout', () => {
  beforeAll(async () => {
    const environment = await dockerSubstrate({ stateDir: one.path }).apply(planTopology(guarded), {
      ephemeral: false,
    });
    await (await environment.admin('redis-1')).set('kept', 'value of the owner');
    await environment[Symbol.asyncDispose]();
  });

  afterEach(() => vi.unstubAllEnvs());

  afterAll(async () => {
    // Which checkout owns the environment depends on which test failed.
    vi.stubEnv('KIT_ALLOW_DESTROY', NAME);
    vi.stubEnv('KIT_ALLOW_ADOPT', NAME);
    await down(one.path, yes);
    vi.unstubAllEnvs();
    expect(await partsOf(NAME)).toEqual([]);
    one[Symbol.dispose]();
    other[Symbol.dispose]();
  });

  it.each([
    ['up', () => up(other.path)],
    ['drill and readiness', () => up(other.path, undefined, true)],
    ['down', () => down(other.path)],
    ['status', () => dockerSubstrate({ stateDir: other.path }).find(NAME, planTopology(unguarded))],
    ['recover', async () => dockerSubstrate({ stateDir: other.path }).inspectData?.(planTopology(unguarded))],
    ['drift', () => findDrift(planDocker(planTopology(unguarded)), other.path)],
  ])(
    'a foreign environment is rejected by %s with the path of the owner, and remains unchanged',
    async (_, act) => {
      const before = await partsOf(NAME);
      await expect(act()).rejects.toMatchObject({
        code: 'ENVIRONMENT_FOREIGN',
        message: expect.stringContaining(place(one.path)),
        hint: expect.stringContaining('--adopt'),
      });
      expect(await partsOf(NAME)).toEqual(before);
    },
  );

  it.each(['deploy', 'destroy'] as const)(
    'a foreign environment is rejected by plain cdktf %s, and remains unchanged',
    async (verb) => {
      const before = await partsOf(NAME);
      const { exitCode, text } = await runPlainCdktf(verb, unguarded, other.path);
      expect(exitCode).toBe(1);
      expect(text).toContain(`belongs to ${place(one.path)}`);
      expect(await partsOf(NAME)).toEqual(before);
    },
  );

  it('a foreign environment remains unchanged if the prompt is declined or the takeover is not allowed by name', async () => {
    const before = await partsOf(NAME);
    const asked = vi.fn<Adopt>(async () => false);
    await expect(up(other.path, asked)).rejects.toMatchObject({ code: 'ADOPTION_PROTECTED' });
    await expect(down(other.path, asked)).rejects.toMatchObject({ code: 'PROTECTED' });
    expect(asked).not.toHaveBeenCalled();
    vi.stubEnv('KIT_ALLOW_ADOPT', NAME);
    await expect(up(other.path, asked)).rejects.toMatchObject({ code: 'ADOPTION_DECLINED' });
    expect(asked).toHaveBeenCalledWith(
      expect.objectContaining({ environment: NAME, place: place(one.path), isProtected: true }),
    );
    expect(await partsOf(NAME)).toEqual(before);
  });

  it('a foreign environment is taken over with its data, and then rejects its previous owner', async () => {
    vi.stubEnv('KIT_ALLOW_ADOPT', NAME);
    const before = await idOfNode();
    const environment = await up(other.path, yes);
    expect(await keptValue(environment)).toBe('value of the owner');
    await environment[Symbol.asyncDispose]();
    expect(await idOfNode()).not.toBe(before);
    // A second command needs no permission, because the checkout now owns the environment.
    vi.unstubAllEnvs();
    const again = await up(other.path);
    await again[Symbol.asyncDispose]();
    const parts = await partsOf(NAME);
    for (const act of [() => up(one.path), () => down(one.path)]) {
      await expect(act()).rejects.toMatchObject({
        code: 'ENVIRONMENT_FOREIGN',
        message: expect.stringContaining(place(other.path)),
      });
    }
    expect(await partsOf(NAME)).toEqual(parts);
  });

  it('an environment whose state was deleted is reported as foreign, and removed only on request', async () => {
    rmSync(join(other.path, 'docker', NAME), { recursive: true });
    rmSync(join(other.path, 'docker', 'owner.json'));
    const parts = await partsOf(NAME);
    for (const act of [() => up(other.path), () => down(other.path)]) {
      await expect(act()).rejects.toMatchObject({
        code: 'ENVIRONMENT_FOREIGN',
        message: expect.stringContaining('was deployed from here'),
      });
    }
    expect(await partsOf(NAME)).toEqual(parts);
    // The environment was protected when its volumes were created.
    await expect(down(other.path, yes)).rejects.toMatchObject({ code: 'PROTECTED' });
    vi.stubEnv('KIT_ALLOW_DESTROY', NAME);
    vi.stubEnv('KIT_ALLOW_ADOPT', NAME);
    await down(other.path, yes);
    expect(await partsOf(NAME)).toEqual([]);
  });
});
