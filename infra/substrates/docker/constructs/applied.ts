/**
 * Stores the applied configuration in the state, for `kit status`, because the YAML file may have changed since then.
 * Contains no secret.
 */
import { DataResource, type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import type { DockerPlan } from '../plan.ts';
import { withoutCredentials } from '../stored-configuration.ts';

export class Applied extends Construct {
  /** @param after last step of a deploy, because a failed deploy has not applied the configuration */
  constructor(scope: Construct, id: string, { environment }: DockerPlan, after: ITerraformDependable) {
    super(scope, id);
    new DataResource(this, 'configuration', {
      input: { configuration: JSON.stringify(withoutCredentials(environment)) },
      dependsOn: [after],
    });
  }
}
