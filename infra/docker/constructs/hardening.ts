/**
 * What every long-running container of the kit has in common: the least that it needs and nothing more.
 */
import type { ContainerConfig } from '@cdktf/provider-docker/lib/container/index.js';
import type { TerraformResource, TerraformResourceLifecycle } from 'cdktf';
import type { Owner } from '../identity.ts';
import { type DockerPlan, LABEL, RUN_AS } from '../plan.ts';

/** Spread into a container's configuration. */
export function hardened(memoryMb: number) {
  return {
    user: RUN_AS,
    readOnly: true,
    capabilities: { drop: ['ALL'], add: [] },
    securityOpts: ['no-new-privileges'],
    memory: memoryMb,
    // Equal: no swap. Different, and the provider's plan never settles.
    memorySwap: memoryMb,
    // A connection is a file: 10,000 clients and what persistence needs.
    ulimit: [{ name: 'nofile', soft: 16_384, hard: 16_384 }],
    logDriver: 'json-file',
    logOpts: { 'max-size': '10m', 'max-file': '3' },
    restart: 'unless-stopped',
  } satisfies Partial<ContainerConfig>;
}

/** What labels are made of: the stack's parts have it. */
export interface Labelled {
  readonly plan: DockerPlan;
  readonly owner: Owner;
}

/** On everything: by these the kit finds it again, and another checkout keeps its hands off. */
export function ownLabels({ plan, owner }: Labelled) {
  return [
    { label: LABEL.environment, value: plan.environment.name },
    { label: LABEL.owner, value: owner.id },
    { label: LABEL.place, value: owner.place },
  ];
}

/** On containers: found by the drift check and by whoever looks at `docker ps`. */
export function containerLabels(labelled: Labelled, node: string, configSha256?: string) {
  return [
    ...ownLabels(labelled),
    { label: LABEL.node, value: node },
    ...(configSha256 === undefined ? [] : [{ label: LABEL.config, value: configSha256 }]),
  ];
}

/** Of a protected environment, that it is. */
export const protectedLabels = ({ plan }: Labelled) =>
  plan.environment.docker.protected ? [{ label: LABEL.protected, value: 'yes' }] : [];

/** The engine cannot change the labels of a volume or a network: for other ones the provider would remove it, with its data. */
export const KEEPS_LABELS = { ignoreChanges: ['labels'] } satisfies TerraformResourceLifecycle;

/** A resource as `replace_triggered_by` wants it: an address in plain text, not an expression. */
export const triggerOf = (resource: TerraformResource): string =>
  `${resource.terraformResourceType}.${resource.friendlyUniqueId}.id`;
