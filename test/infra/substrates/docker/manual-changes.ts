/**
 * Manual changes on the engine: a container that is recreated with one difference, and a changed configuration file.
 */
import { request } from 'node:http';
import { type ContainerFacts, docker } from '../../../../infra/substrates/docker/engine.ts';
import type { PlannedContainer } from '../../../../infra/substrates/docker/plan.ts';

interface Body {
  Image: string;
  Env: string[];
  Labels: Record<string, string>;
  Healthcheck: { Test: string[] };
  HostConfig: {
    Memory: number;
    MemorySwap: number;
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]>;
  };
}

/**
 * Removes the container and creates it again from `facts` with one difference. Uses the engine's API, because the
 * command line lacks some of its options.
 */
export async function recreateContainer(
  { container, address }: PlannedContainer,
  networks: { readonly data: { readonly name: string }; readonly publish: { readonly name: string } },
  facts: ContainerFacts,
  change: (body: Body) => unknown,
): Promise<void> {
  const endpoint = { [networks.data.name]: { IPAMConfig: { IPv4Address: address.host } } };
  const body = structuredClone({
    ...facts.Config,
    Env: facts.Config.Env ?? [],
    HostConfig: { ...facts.HostConfig, NetworkMode: networks.data.name },
    NetworkingConfig: { EndpointsConfig: endpoint },
  }) as unknown as Body;
  change(body);
  await docker(['rm', '--force', container]);
  await post(`/containers/create?name=${container}`, JSON.stringify(body));
  await docker(['network', 'connect', networks.publish.name, container]);
  await docker(['start', container]);
}

function post(path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        socketPath: '/var/run/docker.sock',
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () =>
          response.statusCode === 201
            ? resolve()
            : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
        );
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Runs a script as root on a volume. */
export async function runInVolume(volume: string, image: string, script: string): Promise<void> {
  const mount = ['-v', `${volume}:/v`];
  await docker(['run', '--rm', '--user', '0', '--entrypoint', 'sh', ...mount, image, '-c', script]);
}
