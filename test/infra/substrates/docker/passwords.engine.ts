/**
 * Password rotation on a real engine: restarted containers keep both passwords, and the next deploy replaces no
 * container.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rotatePasswords } from '../../../../infra/operations/password-rotation.ts';
import { switchover } from '../../../../infra/operations/switchover.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { docker, inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { dockerSecrets } from '../../../../infra/substrates/docker/generated-values.ts';
import { planDocker, servicesOf } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { terraformPlan } from '../../../../infra/substrates/docker/terraform.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { loginReply } from '../../../support/passwords.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

const state = engineStateDir();
const config = configuration('rotating', {}, 28_900);
const topology = planTopology(config);
const plan = planDocker(topology);
const substrate = dockerSubstrate({ stateDir: state.path });
let environment: Environment;

/** Current passwords by program and user, as plain text. */
function passwords() {
  const { redis, sentinel } = dockerSecrets(state.path, config.name);
  const plain = (set: typeof redis | typeof sentinel) =>
    Object.entries(set).map(([user, secret]) => [user, secret.reveal()] as const);
  return { redis: plain(redis), sentinel: plain(sentinel) };
}

/** Distinct replies from all nodes to logins with these passwords. */
async function logins(given: ReturnType<typeof passwords>): Promise<readonly string[]> {
  const replies = plan.nodes.flatMap(({ node, published }) =>
    given[node.role].map(([user, password]) => loginReply(published, user, password)),
  );
  return [...new Set(await Promise.all(replies))];
}

const startsOf = async () =>
  Object.fromEntries(
    [...(await inspectContainers(plan.nodes.map(({ container }) => container)))].map(([name, { Id }]) => [
      name,
      Id,
    ]),
  );
const noDrift = () => waitUntil('no drift', async () => (await findDrift(plan, state.path)).length === 0);
const noChanges = async () => {
  expect((await terraformPlan(config, { stateDir: state.path })).steps).toEqual([]);
  await noDrift();
};

describeOnEngine('a rotation of passwords on the engine', () => {
  beforeAll(async () => {
    environment = await substrate.apply(topology, { ephemeral: false });
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    await substrate.destroy(config.name);
    state[Symbol.dispose]();
  });

  it('a rotation keeps both passwords across restarts and a switchover, then refuses the previous ones', async () => {
    const before = await startsOf();
    const former = passwords();
    await rotatePasswords(environment, { step: 'begin' });
    expect(await logins(former)).toEqual(['OK']);
    expect(await logins(passwords())).toEqual(['OK']);
    await noChanges();

    await switchover(environment);
    const master = await environment.masterId();
    const restarted = plan.nodes.filter(
      ({ id }) => id === 'sentinel-3' || (id !== master && id.startsWith('redis')),
    );
    for (const { container } of restarted) await docker(['restart', container]);
    await using resumed = await substrate.apply(topology, { ephemeral: false });
    expect(await logins(former)).toEqual(['OK']);
    expect(await logins(passwords())).toEqual(['OK']);

    await rotatePasswords(resumed, { step: 'finish' });
    expect(await logins(former)).toEqual(['WRONGPASS']);
    expect(await logins(passwords())).toEqual(['OK']);
    await switchover(resumed);
    await noChanges();
    expect(await startsOf()).toEqual(before);
  });

  it('a rotation gives the new passwords to the exporter, the watchdog and the Commander', async () => {
    const url = `http://127.0.0.1:${plan.exporter.published.port}/scrape?target=`;
    const answers = async () => {
      const texts = plan.nodes.map(async ({ id, address }) =>
        (await fetch(`${url}${id}:${address.port}`)).text(),
      );
      return (await Promise.all(texts)).every((text) => /^redis_up 1$/m.test(text));
    };
    await waitUntil('the exporter to log in to every node', () => answers().catch(() => false));
    const states = async () => {
      const found = await inspectContainers(servicesOf(plan).map(({ container }) => container));
      return [...found.values()].map(({ State }) => State.Health?.Status);
    };
    await waitUntil(
      'every container to be healthy',
      async () => (await states()).every((it) => it === 'healthy'),
      60_000,
    );
  });
});
