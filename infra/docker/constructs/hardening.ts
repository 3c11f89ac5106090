/**
 * What every long-running container of the kit has in common: the least that it needs and nothing more.
 */
import type { ContainerConfig } from '@cdktf/provider-docker/lib/container/index.js';
import type { TerraformResource } from 'cdktf';
import { LABEL, RUN_AS } from '../plan.ts';

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

/** Found again by the drift check and by whoever looks at `docker ps`. */
export function labels(environment: string, node: string, configSha256?: string) {
  return [
    { label: LABEL.environment, value: environment },
    { label: LABEL.node, value: node },
    ...(configSha256 === undefined ? [] : [{ label: LABEL.config, value: configSha256 }]),
  ];
}

/** A resource as `replace_triggered_by` wants it: an address in plain text, not an expression. */
export const triggerOf = (resource: TerraformResource): string =>
  `${resource.terraformResourceType}.${resource.friendlyUniqueId}.id`;
