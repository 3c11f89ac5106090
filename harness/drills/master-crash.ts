import { failoverDrill } from './families.ts';

export const masterCrash = failoverDrill({
  id: 'master-crash',
  title: 'Crash of the master',
  source: 'drills: master-crash; Redis 00-base.tcl',
  safeOutcome:
    'writes resume in time; no durable write is lost, asynchronous writes are lost only within the stated window, and no write is applied twice',
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
