import { expect, it } from 'vitest';
import { compare } from '../../../infra/docker/drift.ts';
import type { ContainerFacts } from '../../../infra/docker/engine.ts';
import { LABEL, planDocker } from '../../../infra/docker/plan.ts';
import { planTopology } from '../../../infra/topology.ts';
import { configuration } from './bench.ts';

const plan = planDocker(planTopology(configuration('pure')));
const [service = plan.exporter] = plan.nodes;
const expectation = { service, plan, image: 'sha256:1', hash: 'abc' };

/** A container as it should be, with changes. */
function container(change: (facts: Mutable) => void = () => {}): ContainerFacts {
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
      PidsLimit: null,
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

it('finds nothing in a container that is as planned', () => {
  expect(compare(container(), expectation)).toEqual([]);
});

it.each<[kind: string, next: string, change: (facts: Mutable) => void]>([
  ['paused', 'leaves it as it is', (it) => { it.State.Status = 'paused'; }],
  ['stopped', 'replaces it', (it) => { it.State.Status = 'exited'; }],
  ['unhealthy', 'leaves it as it is', (it) => { it.State.Health = { Status: 'unhealthy' }; }],
  [
    'disconnected',
    'leaves it as it is',
    (it) => { delete it.NetworkSettings.Networks[plan.networks.data.name; }],
  ],
  [
    'disconnected',
    'leaves it as it is',
    (it) => { delete it.NetworkSettings.Networks[plan.networks.publish.name; }],
  ],
  ['image', 'replaces it', (it) => { it.Image = 'sha256:2'; }],
  ['memory', 'updates it in place', (it) => { it.HostConfig.Memory = 1; }],
  ['restart', 'updates it in place', (it) => { it.HostConfig.RestartPolicy.Name = 'no'; }],
  ['port', 'replaces it', (it) => { it.HostConfig.PortBindings = null; }],
  ['user', 'replaces it', (it) => { it.Config.User = 'root'; }],
  ['read-only', 'replaces it', (it) => { it.HostConfig.ReadonlyRootfs = false; }],
  ['label', 'leaves it as it is', (it) => { it.Config.Labels = { [LABEL.config]: 'abc' }; }],
  ['configuration', 'replaces it', (it) => { it.Config.Labels = { [LABEL.node]: service.id }; }],
  ['health-check', 'leaves it as it is', (it) => { delete it.Config.Healthcheck; }],
  ['environment', 'leaves it as it is', (it) => { it.Config.Env?.push('EXTRA=1'); }],
])('finds %s, which the next apply %s', (kind, next, change) => {
  const findings = compare(container(change), expectation);
  expect(findings.map((finding) => finding.kind)).toEqual([kind]);
  expect(findings[0]?.nextApply).toBe(next);
  if (next === 'leaves it as it is') expect(findings[0]?.remedy).toContain('docker ');
});
