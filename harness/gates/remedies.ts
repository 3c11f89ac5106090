/**
 * Advice for a criterion that is not PASS, by its state. The gate's own remedy concerns Redis and its settings, so it
 * applies only to FAIL: a criterion that could not be judged needs another measurement, not another setting.
 */
import type { Gate } from '../../config/gates.ts';
import { trialsNeeded } from '../statistics/bounds.ts';
import type { RunScope } from './scope.ts';

/** Remedy for evidence that is missing, altered, broken or not accounted for. */
export const SOUND_COPY =
  'Judge an unchanged copy of the run folder, or run again: lost or changed evidence cannot be restored.';

/** Remedy for a run that did not measure everything that was requested. */
export const RUN_AGAIN =
  'Remove the cause named above and run again, or select drills that this environment supports.';

/** Remedy for a trial on a busy machine. */
export const IDLE_MACHINE =
  'The measurement includes delays of the machine. Run again on an idle machine, or on one with more cores.';

/** Remedy for a trial without samples of the machine. */
export const MACHINE_UNSAMPLED =
  'The run has no samples of the machine (machine.jsonl): delays of the machine cannot be ruled out. Run again.';

/** Remedy for a trial in which the lateness of the generator was not recorded. */
export const GENERATOR_ENDED =
  'The load generator ended before it wrote its lateness. The logs and the trial’s events in the run folder show why; run again.';

/** Remedies for error replies with which Redis rejects every write in a trial, by the first word of the reply. */
const REJECTIONS: Readonly<Record<string, string>> = {
  OOM: 'Redis rejected the writes because its memory is full: raise redis.maxmemory. ',
  NOREPLICAS:
    'Redis rejected the writes because too few replicas are in sync: look at their links (INFO replication) and at redis.minReplicasToWrite. ',
  MISCONF:
    'Redis rejected the writes because it cannot write its snapshot: look at the disk and the log of the master. ',
};

/** Returns the remedy for a trial that did not complete. */
export function completeFirst(drill: string, reason: string | undefined, run: RunScope): string {
  const [, word = ''] = /\b(OOM|NOREPLICAS|MISCONF) /.exec(reason ?? '') ?? [];
  return `${REJECTIONS[word] ?? ''}${runAgain(drill, run)}`;
}

/** Returns the remedy for a drill without a result. */
export function runAgain(drill: string, { environment }: RunScope): string {
  return `Run kit drill ${drill} --env ${environment}. The reason above and logs/ in the run folder show what was missing.`;
}

/** Returns the remedy for too few trials or observations: how many more are needed, and how to get them. */
export function moreTrials(gate: Gate, run: RunScope, minN: number): string {
  const claimed = run.profile === 'full' && gate.claim !== undefined ? claimNeeds(gate.claim) : 0;
  const needed = Math.max(minN, claimed);
  const drills = gate.workload.length === 1 ? '' : ', over all its drills';
  return gate.sli.count === 'trials'
    ? `Run more trials: ${needed} are needed${drills} (--trials).`
    : `Run more trials (--trials) until ${needed} observations count${drills}. ${gate.remedy}`;
}

function claimNeeds(claim: NonNullable<Gate['claim']>): number {
  if (claim.kind === 'trials') return trialsNeeded(claim.share, claim.confidence);
  return claim.kind === 'quantile' ? trialsNeeded(claim.quantile, claim.confidence) : 0;
}
