import { failoverDrill } from './families.ts';

export const masterCrash = failoverDrill({
  id: 'master-crash',
  title: 'Crash of the master',
  source: 'drills: master-crash; Redis 00-base.tcl',
  safeOutcome:
    'bounded gap; no durable write lost, async ones only within the stated window; nothing applied twice',
  needs: ['kill', 'start'],
  faults: [
    {
      fault: 'kill',
      target: 'master',
      atMs: 2_000,
      lag: { fromMs: 500, latencyMs: 250 },
      heal: { when: 'recovered', plusMs: 500 },
    },
  ],
});
