/**
 * Settings of every container of the kit: minimal resources and privileges.
 */
import type { ContainerConfig } from '@cdktf/provider-docker/lib/container/index.js';
import type { DockerProvider } from '@cdktf/provider-docker/lib/provider/index.js';
import type { TerraformResource, TerraformResourceLifecycle } from 'cdktf';
import type { Owner } from '../checkout-id.ts';
import { type DockerPlan, LABEL, RUN_AS } from '../plan.ts';

/** Provider of a resource: the alias of its host; empty without `hosts`, for the only provider. */
export interface OnEngine {
  readonly provider?: DockerProvider;
}

/** Returns the settings of a long-running container. */
export function hardenedSettings(memoryMb: number) {
  return {
    user: RUN_AS,
    readOnly: true,
    capabilities: { drop: ['ALL'], add: [] },
    securityOpts: ['no-new-privileges'],
    memory: memoryMb,
    // Equal: no swap. With different values the provider's plan never converges.
    memorySwap: memoryMb,
    // Each connection needs a file descriptor: enough for 10,000 clients and the persistence files.
    ulimit: [{ name: 'nofile', soft: 16_384, hard: 16_384 }],
    logDriver: 'json-file',
    logOpts: { 'max-size': '10m', 'max-file': '3' },
    restart: 'unless-stopped',
  } satisfies Partial<ContainerConfig>;
}

/** Settings of a short-lived container that Terraform waits for, and whose output it reports. */
export const ONE_SHOT = {
  securityOpts: ['no-new-privileges'],
  logDriver: 'json-file',
  logOpts: { 'max-size': '1m', 'max-file': '1' },
  restart: 'no',
  attach: true,
  logs: true,
  mustRun: false,
} satisfies Partial<ContainerConfig>;

/** Values from which the labels are derived. */
export interface Labelled {
  readonly plan: DockerPlan;
  readonly owner: Owner;
}

/** Returns the labels of every part, by which the kit finds its own parts and refuses the parts of another checkout. */
export function ownLabels({ plan, owner }: Labelled) {
  return [
    { label: LABEL.environment, value: plan.environment.name },
    { label: LABEL.owner, value: owner.id },
    { label: LABEL.place, value: owner.place },
  ];
}

/** Returns the labels of a container, for the drift check and for users of `docker ps`. */
export function containerLabels(labelled: Labelled, node: string, configSha256?: string) {
  return [
    ...ownLabels(labelled),
    { label: LABEL.node, value: node },
    ...(configSha256 === undefined ? [] : [{ label: LABEL.config, value: configSha256 }]),
  ];
}

/** Returns the labels of the parts of a protected environment. */
export const protectedLabels = ({ plan }: Labelled) =>
  plan.environment.docker.protected ? [{ label: LABEL.protected, value: 'yes' }] : [];

/** Ignores label changes of volumes and networks: the provider would replace a volume, and its data would be lost. */
export const KEEPS_LABELS = { ignoreChanges: ['labels'] } satisfies TerraformResourceLifecycle;

/** Formats a resource for `replace_triggered_by`: an address in plain text, not an expression. */
export const triggerOf = (resource: TerraformResource): string =>
  `${resource.terraformResourceType}.${resource.friendlyUniqueId}.id`;
