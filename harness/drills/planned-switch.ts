import { failoverDrill } from './families.ts';

export const plannedSwitch = failoverDrill({
  id: 'planned-switch',
  title: 'Planned switchover',
  source: 'drills: planned-switch; redis/redis#6062',
  safeOutcome: 'no write is lost or applied twice, and the old master becomes a replica',
  needs: [],
  parameters: { stragglerMs: 1_000, afterHealMs: 1_000 },
  faults: [
    { fault: 'planned-switch', target: 'master', atMs: 2_000, heal: { when: 'recovered', plusMs: 500 } },
  ],
});
