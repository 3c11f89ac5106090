/** Whether some replicas serve reads while others copy from a new master. */
import { nodeRule } from './finding.ts';
import { watchedMaster, wrongOption } from './sentinel.ts';

export const parallelSyncs = nodeRule({
  id: 'parallel-syncs',
  proves: 'after a failover at least one replica answers reads while others copy from the new master',
  of: 'sentinel',
  judge(view, about) {
    const live = watchedMaster(view, about)?.get('parallel-syncs');
    if (live === undefined || !/^\d+$/.test(live))
      return { wrong: [], checked: 0, missing: 'SENTINEL MASTERS' };
    const most = Math.max(1, about.environment.topology.replicas - 1);
    if (Number(live) <= most) return { wrong: [], checked: 1 };
    const reason = `${live} replicas copy from the new master at the same time, and none serves reads`;
    const wanted = `at most ${most}`;
    const setting = 'sentinel.parallelSyncs';
    return {
      wrong: [wrongOption(view, about, { option: 'parallel-syncs', live, wanted, setting, reason })],
      checked: 1,
    };
  },
});
