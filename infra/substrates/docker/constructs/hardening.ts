/** Settings for every container that the kit creates: minimal resources and privileges. */
import type { ContainerConfig } from '@cdktf/provider-docker/lib/container/index.js';
import type { DockerProvider } from '@cdktf/provider-docker/lib/provider/index.js';
import type { TerraformResource, TerraformResourceLifecycle } from 'cdktf';
import type { Owner } from '../checkout-id.ts';
import { type DockerPlan, LABEL, type PlannedContainer, RUN_AS } from '../plan.ts';

/**
 * Provider for a resource: the alias of the resource's host; empty without `hosts`, where there is only one provider.
 */
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
    // Equal values disable swap. With different values the provider's plan never converges.
    memorySwap: memoryMb,
    // Each connection needs a file descriptor. The limit is enough for 10,000 clients and the persistence files.
    ulimit: [{ name: 'nofile', soft: 16_384, hard: 16_384 }],
    logDriver: 'json-file',
    logOpts: { 'max-size': '10m', 'max-file': '3' },
    restart: 'unless-stopped',
  } satisfies Partial<ContainerConfig>;
}

/** Returns the health check of a container. @param startPeriod time in which a failed check does not count */
export function healthcheckOf({ health }: Pick<PlannedContainer, 'health'>, startPeriod: string) {
  return { test: ['CMD', ...health], interval: '10s', timeout: '3s', retries: 3, startPeriod };
}

/** Settings for a short-lived container that Terraform waits for, and whose output it reports. */
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

/**
 * Returns the labels of every part; the kit uses them to find its own parts and to refuse the parts of another
 * checkout.
 */
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

/**
 * Ignores label changes on volumes and networks: otherwise the provider would replace the volume, and its data would be
 * lost.
 */
export const KEEPS_LABELS = { ignoreChanges: ['labels'] } satisfies TerraformResourceLifecycle;

/** Formats a resource for `replace_triggered_by`: an address in plain text, not an expression. */
export const triggerOf = (resource: TerraformResource): string =>
  `${resource.terraformResourceType}.${resource.friendlyUniqueId}.id`;
