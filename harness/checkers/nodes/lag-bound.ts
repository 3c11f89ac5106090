/**
 * Whether a master that is cut off from its replicas stops acknowledging writes in time: no later than the earliest
 * election of its successor, plus the window in which asynchronous writes may be lost.
 */
import { checkDirective, unansweredReason } from './directive.ts';
import { nodeRule, type RuleContext } from './finding.ts';

export const lagBound = nodeRule({
  id: 'lag-bound',
  proves: 'an isolated master stops accepting writes before more than the promised window is lost',
  of: 'redis',
  judge(view, about) {
    if (view.config === undefined) return unansweredReason(about);
    // Without min-replicas-to-write, the maximum lag has no effect; `write-guard` judges the setting.
    if (Number(view.config.get('min-replicas-to-write') ?? 0) < 1) return { wrong: [], checked: 1 };
    const { ms, parts } = boundOf(about);
    const most = Math.max(1, Math.floor(ms / 1000));
    return checkDirective(view, about, {
      directive: 'min-replicas-max-lag',
      setting: 'redis.minReplicasMaxLagSeconds',
      wanted: `1 to ${most} (${parts})`,
      value: String(Math.min(2, most)),
      reason:
        'an isolated master acknowledges writes for this number of seconds, and the failover discards more writes than the promised window allows',
      holds: (value) => Number(value) >= 1 && Number(value) <= most,
    });
  },
});

function boundOf({ environment }: RuleContext): { readonly ms: number; readonly parts: string } {
  const { sentinel, cluster, durability, topology } = environment;
  const [name, detectionMs] =
    topology.kind === 'cluster'
      ? (['cluster.nodeTimeoutMs', cluster.nodeTimeoutMs] as const)
      : (['sentinel.downAfterMs', sentinel.downAfterMs] as const);
  const { asyncLossWindowMs } = durability;
  return {
    ms: detectionMs + asyncLossWindowMs,
    parts: `${name} ${detectionMs} + durability.asyncLossWindowMs ${asyncLossWindowMs}`,
  };
}
