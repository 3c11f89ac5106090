/**
 * Whether the watchdog runs, if the environment has one: no node and no client notices its loss, and a deposed master
 * then stays a master for about 10 s longer.
 */
import type { Fields } from './facts.ts';
import { nodeRule } from './finding.ts';

export const watchdog = nodeRule({
  id: 'watchdog',
  proves: 'the watchdog runs and is neither suspended nor hung',
  of: 'watchdog',
  judge({ id, watchdog: seen }) {
    const state = seen?.get('state');
    // The state is read only at the start and at the end.
    if (state === undefined) return { wrong: [], checked: 0, missing: 'the query of its state' };
    if (state === 'running') return { wrong: [], checked: 1 };
    return {
      wrong: [
        {
          node: id,
          what: 'its state',
          live: state,
          wanted: "'running'",
          reason: 'without it, a deposed master stays a master for about 10 s longer (sentinel.watchdog)',
          remedy: remedyFor(state, seen),
        },
      ],
      checked: 1,
    };
  },
});

function remedyFor(state: string, seen: Fields | undefined): string {
  if (seen?.get('isRepaired') === 'true') {
    return `it was '${state}' before the run, which repaired it: look at its log for the cause, and run again.`;
  }
  const pid = seen?.get('pid');
  if (state === 'paused') {
    const which = pid === undefined ? '' : ` (process ${pid})`;
    return `it is suspended or hung${which}: resume it (kill -CONT, docker unpause), or restart it.`;
  }
  return `it is '${state}': run kit up, which starts it, and look at its log.`;
}
