/** Keeps the applied configuration in the state, for `kit status`: the YAML of today may be another one. No secret is in it. */
import { DataResource, type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import type { DockerPlan } from '../plan.ts';

export class Applied extends Construct {
  /** @param after the last step of a deploy: one that failed has not applied it */
  constructor(scope: Construct, id: string, { environment }: DockerPlan, after: ITerraformDependable) {
    super(scope, id);
    // The settings of a backend may hold credentials.
    const { backend: _, ...docker } = environment.docker;
    new DataResource(this, 'configuration', {
      input: { configuration: JSON.stringify({ ...environment, docker }) },
      dependsOn: [after],
    });
  }
}
