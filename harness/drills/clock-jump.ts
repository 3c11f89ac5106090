import { integrationDrill } from './families.ts';

const BOTH = ['forward', 'backward'];
const EACH = BOTH.flatMap((jump) => [`${jump}/plain-`, `${jump}/tiered-`]);

/** The clocks of the nodes do not step: Redis expires keys by the clock of its own node. */
export const clockJump = integrationDrill({
  id: 'clock-jump',
  title: "The wall clock of a client's machine steps by an hour, forward and back",
  source: 'drills: clock-jump',
  safeOutcome: 'TTLs, leases and client timeouts keep their durations',
  needsProgram: 'libfaketime',
  expectations: [
    ...EACH.flatMap((each) =>
      ['kept', 'computed', 'ttl-at-most', 'ttl-at-least', 'load', 'lease', 'expired'].map((id) => each + id),
    ),
    ...BOTH.flatMap((jump) => [`${jump}/timeout-at-least`, `${jump}/timeout-at-most`]),
  ],
  timed: [
    ...EACH.flatMap((each) => ['kept', 'computed', 'ttl-at-least', 'lease'].map((id) => each + id)),
    ...BOTH.map((jump) => `${jump}/timeout-at-most`),
  ],
  trials: { quick: 0, full: 3 },
});
