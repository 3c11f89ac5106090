/** One container of a service other than a node, with its configuration and, if it stores data, its data volume. */
import { Container } from '@cdktf/provider-docker/lib/container/index.js';
import type { Construct } from 'constructs';
import type { PlannedContainer, StoringService } from '../plan.ts';
import type { ImageRole } from '../published-images.ts';
import { containerLabels, hardenedSettings, healthcheckOf, protectedLabels } from './hardening.ts';
import type { Node } from './node.ts';
import type { StackParts } from './stack-parts.ts';

export interface SideServiceProps {
  readonly planned: PlannedContainer;
  readonly image: ImageRole;
  readonly entrypoint: string[];
  readonly command?: string[];
  /** Whether an init process reaps child processes that the service does not reap. */
  readonly init?: boolean;
  /** The same service, if it has a data volume. */
  readonly storing?: StoringService;
  /** Nodes that are created before the service. */
  readonly after: readonly Node[];
}

/** Creates the container. @param id of the construct, which is part of the resource's address in the state */
export function sideService(
  scope: Construct,
  id: string,
  parts: StackParts,
  { planned, ...service }: SideServiceProps,
): Container {
  const { network, configuration, images, hashes, on } = parts;
  const { published } = planned;
  return new Container(scope, id, {
    ...on,
    ...hardenedSettings(planned.memoryMb),
    name: planned.container,
    hostname: planned.id,
    image: images.idOf(service.image),
    entrypoint: service.entrypoint,
    ...(service.command === undefined ? {} : { command: service.command }),
    ...(planned.env.length === 0 ? {} : { env: [...planned.env] }),
    ...(service.init === undefined ? {} : { init: service.init }),
    networksAdvanced: published === undefined ? network.attached(planned) : network.published(planned),
    ...(published === undefined
      ? {}
      : { ports: [{ internal: planned.address.port, external: published.port, ip: published.host }] }),
    volumes: [
      configuration.mount(planned.configVolume),
      ...(service.storing === undefined ? [] : [configuration.mountData(service.storing)]),
    ],
    tmpfs: { '/tmp': 'rw,noexec,nosuid,size=16m' },
    healthcheck: healthcheckOf(planned, '10s'),
    stopTimeout: 5,
    destroyGraceSeconds: 5,
    labels: [
      ...containerLabels(parts, planned.id, hashes.get(planned.configVolume)),
      ...protectedLabels(parts),
    ],
    dependsOn: [...network.dependencies, configuration.init, ...service.after.map((node) => node.container)],
    lifecycle: { replaceTriggeredBy: network.replaceTriggeredBy },
  });
}
