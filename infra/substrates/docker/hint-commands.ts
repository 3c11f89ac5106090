/** Commands for hints: they can be pasted and run, even if the environment is defined in the user's own YAML file. */

import { IS_BUILT } from '../../../config/installation.ts';
import { environmentFlags, sourceOf } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';

type Named = Pick<EnvironmentConfig, 'name'>;

/**
 * Returns `npx cdktf deploy dev`; for a file, `KIT_STACKS=./mine.yaml npx cdktf deploy mine`. The package does not
 * include `cdktf`.
 */
export function cdktfCommand(verb: 'deploy' | 'destroy', environment: Named): string {
  if (IS_BUILT) return kitCommand(verb === 'deploy' ? 'up' : 'down', environment);
  const { file, flags = [] } = sourceOf(environment) ?? {};
  const stacks = file === undefined ? '' : `KIT_STACKS=${file} `;
  const settings = flags.length === 0 ? '' : ` (with ${flags.join(', ')} in its YAML: cdktf has no --set)`;
  return `${stacks}npx cdktf ${verb} ${environment.name}${settings}`;
}

/** Returns a command such as `kit down --env ./mine.yaml --substrate docker`. */
export function kitCommand(verb: string, environment: Named): string {
  return `kit ${verb} ${environmentFlags(environment)} --substrate docker`;
}
