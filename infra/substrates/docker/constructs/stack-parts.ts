/** Input of the constructs that a stack composes. A leaf module: the stack and the constructs import it. */
import type { ITerraformDependable } from 'cdktf';
import type { Owner } from '../checkout-id.ts';
import type { DockerPlan, PlannedContainer } from '../plan.ts';
import type { Configuration } from './configuration.ts';
import type { OnEngine } from './hardening.ts';
import type { Images } from './images.ts';
import type { Network } from './network.ts';

/** Values that the constructs of one engine share. */
export interface StackParts {
  readonly on: OnEngine;
  readonly plan: DockerPlan;
  readonly owner: Owner;
  readonly network: Network;
  readonly images: Images;
  readonly configuration: Configuration;
  readonly hashes: ReadonlyMap<string, string>;
  /** Whether Terraform refuses the removal of a data volume. */
  readonly keepsData: boolean;
  /** Resource for the passwords, which is destroyed after all resources that use them. */
  readonly secrets: ITerraformDependable;
}

/** Returns the parts that run on the engine of a container. */
export type PartsFor = (planned: Pick<PlannedContainer, 'engine'>) => StackParts;
