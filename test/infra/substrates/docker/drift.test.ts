import { expect, it } from 'vitest';
import { compareContainer } from '../../../../infra/substrates/docker/drift.ts';
import type { ContainerFacts } from '../../../../infra/substrates/docker/engine.ts';
import { LABEL, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { configuration } from './fixtures.ts';

const plan = planDocker(planTopology(configuration('pure')));
const [service = plan.exporter] = plan.nodes;
const expectation = { service, plan, image: 'sha256:1', hash: 'abc', deployed: true, lostNetworks: [] };

/** A container that matches its plan, except for the given change. */
function container(change: (facts: Mutable) => unknown = () => {}): ContainerFacts {
  const facts: Mutable = {
    Id: '1',
    Name: `/${service.container}`,
    Image: 'sha256:1',
    State: { Status: 'running', Pid: 1, ExitCode: 0, Health: { Status: 'healthy' } },
    Config: {
      Image: 'sha256:1',
      User: '999:999',
      Env: ['PATH=/bin'],
      Cmd: null,
      Labels: { [LABEL.node]: service.id, [LABEL.config]: 'abc' },
      Healthcheck: { Test: ['CMD', ...service.health] },
    },
    HostConfig: {
      Memory: service.memoryMb * 1024 ** 2,
      MemorySwap: service.memoryMb * 1024 ** 2,
      PidsLimit: 256,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: [],
      RestartPolicy: { Name: 'unless-stopped' },
      PortBindings: { '6379/tcp': [{ HostIp: '127.0.0.1', HostPort: String(service.published.port) }] },
    },
    Mounts: [],
    NetworkSettings: {
      Networks: {
        [plan.networks.data.name]: { IPAddress: service.address.host, NetworkID: 'd' },
        [plan.networks.publish.name]: { IPAddress: '172.18.0.2', NetworkID: 'p' },
      },
    },
  };
  change(facts);
  return facts;
}
type Mutable = { -readonly [K in keyof ContainerFacts]: Loose<ContainerFacts[K]> };
type Loose<T> = T extends object ? { -readonly [K in keyof T]: Loose<T[K]> } : T;

it('drift reports nothing for a container that matches its plan', () => {
  expect(compareContainer(container(), expectation)).toEqual([]);
});

/** Each function damages one part. Its name consists of the kind of finding and the effect of the next apply. */
const DAMAGES: Readonly<Record<string, (facts: Mutable) => unknown>> = {
  'paused: does not change it': ({ State }) => Object.assign(State, { Status: 'paused' }),
  'stopped: replaces it': ({ State }) => Object.assign(State, { Status: 'exited' }),
  'unhealthy: does not change it': ({ State }) => Object.assign(State, { Health: { Status: 'unhealthy' } }),
  'disconnected: does not change it': ({ NetworkSettings }) =>
    delete NetworkSettings.Networks[plan.networks.data.name],
  'image: replaces it': (facts) => Object.assign(facts, { Image: 'sha256:2' }),
  'memory: updates it in place': ({ HostConfig }) => Object.assign(HostConfig, { Memory: 1 }),
  'restart: updates it in place': ({ HostConfig }) =>
    Object.assign(HostConfig, { RestartPolicy: { Name: 'no' } }),
  'process-limit: does not change it': ({ HostConfig }) => Object.assign(HostConfig, { PidsLimit: null }),
  'port: replaces it': ({ HostConfig }) => Object.assign(HostConfig, { PortBindings: null }),
  'user: replaces it': ({ Config }) => Object.assign(Config, { User: 'root' }),
  'read-only: replaces it': ({ HostConfig }) => Object.assign(HostConfig, { ReadonlyRootfs: false }),
  'label: replaces it': ({ Config }) => Object.assign(Config, { Labels: { [LABEL.config]: 'abc' } }),
  'configuration: replaces it': ({ Config }) =>
    Object.assign(Config, { Labels: { [LABEL.node]: service.id } }),
  'health-check: does not change it': ({ Config }) => delete Config.Healthcheck,
  'environment: replaces it': ({ Config }) => Object.assign(Config, { Env: ['EXTRA=1'] }),
};

it.each(Object.entries(DAMAGES))('drift reports the effect of the next apply: %s', (name, damage) => {
  const findings = compareContainer(container(damage), expectation);
  expect(findings.map(({ kind, nextApply }) => `${kind}: ${nextApply}`)).toEqual([name]);
  if (name.endsWith('does not change it')) expect(findings[0]?.remedy).toContain('docker ');
});

it('drift reports a lost publishing network', () => {
  const lost = container(
    ({ NetworkSettings }) => delete NetworkSettings.Networks[plan.networks.publish.name],
  );
  expect(compareContainer(lost, expectation)).toMatchObject([
    { kind: 'disconnected', found: 'not in the publishing network' },
  ]);
});

it('drift first reports that Terraform did not create a container, and that the next apply fails', () => {
  const damaged = container(({ Config }) => delete Config.Healthcheck);
  const findings = compareContainer(damaged, { ...expectation, deployed: false });
  expect(findings.map(({ kind }) => kind)).toEqual(['made-by-hand', 'health-check']);
  for (const { nextApply, remedy } of findings) {
    expect(nextApply).toBe('fails: the name is in use');
    expect(remedy).toContain(`docker rm -f ${service.container}`);
  }
});

it('a container that lost a network is reconnected after a deploy', () => {
  const lost = container(
    ({ NetworkSettings }) => delete NetworkSettings.Networks[plan.networks.publish.name],
  );
  const findings = compareContainer(lost, { ...expectation, lostNetworks: [plan.networks.publish.name] });
  expect(findings).toMatchObject([
    { kind: 'disconnected', remedy: expect.stringMatching(/^deploy, then docker network connect/) },
  ]);
});

it('drift warns that a replaced container loses what Terraform would update in place', () => {
  const facts = container(({ Config, HostConfig }) => {
    Object.assign(HostConfig, { Memory: 1024 ** 2 });
    Object.assign(Config, { Labels: { [LABEL.node]: service.id, [LABEL.config]: 'another' } });
  });
  const found = compareContainer(facts, expectation).map(({ kind, nextApply }) => [kind, nextApply]);
  expect(found).toEqual([
    ['memory', 'replaces it'],
    ['configuration', 'replaces it'],
  ]);
});
