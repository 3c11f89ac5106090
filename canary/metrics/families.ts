/** Prometheus metrics for a rollout, from the state that this process last read. Pure. */
import type { MetricFamily } from '../../client/types.ts';
import type { Control } from '../log/control.ts';

/** Returns the metrics. They have no samples until this process has read the state for the first time. */
export function canaryFamilies(flag: string, control: Control | undefined): readonly MetricFamily[] {
  const gauge = (name: string, help: string, read: (of: Control) => number): MetricFamily => ({
    name: `cache_canary_${name}`,
    type: 'gauge',
    help,
    samples: control === undefined ? [] : [{ labels: `canary="${flag}"`, value: read(control) }],
  });
  return [
    gauge('share', 'Share of the users in the canary, 0 to 1.', ({ share }) => share),
    gauge('paused', '1 while the canary is paused or rolled back: its share is 0.', ({ status }) =>
      Number(status !== 'running'),
    ),
  ];
}
