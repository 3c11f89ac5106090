/** Generated workloads by name. Separate from `index.ts`, so that a generator's thread loads nothing else. */
import { KitError } from '../../config/errors.ts';
import { failoverMix } from './failover-mix.ts';
import type { GeneratedWorkload } from './generated.ts';
import { realistic50 } from './realistic-50.ts';
import { steady } from './steady.ts';
import { zipf100 } from './zipf-100.ts';

export const generatedWorkloads: ReadonlyMap<string, GeneratedWorkload> = new Map(
  ([failoverMix, realistic50, steady, zipf100] as readonly GeneratedWorkload[]).map((workload) => [
    workload.name,
    workload,
  ]),
);

export function generatedWorkload(name: string): GeneratedWorkload {
  const workload = generatedWorkloads.get(name);
  if (workload === undefined) {
    throw new KitError(`unknown generated workload '${name}'`, {
      code: 'DRILL_INVALID',
      hint: `allowed: ${[...generatedWorkloads.keys()].join(', ')}`,
    });
  }
  return workload;
}
