/**
 * Evaluations of a canary rollout, as recorded by its workload. Their shapes were checked when the history was read.
 */
import type { History, ObservationEvent } from '../history/events.ts';
import type { TrialView } from '../reports/report.ts';

type Rollout = NonNullable<TrialView['canary']>;
type Look = Rollout['looks'][number];
type Figures = NonNullable<Look['decision']['figures']>;

/** Maximum number of evaluations shown in the figure and the table. */
const MAX_LOOKS = 500;

/** Returns the rollout of a trial; undefined if it has none. */
export function assembleCanary({ observations }: History): Rollout | undefined {
  const recorded = (wanted: string) =>
    observations.filter(({ from, name }) => from === 'workload' && name === wanted);
  const [limits] = recorded('canary-limits');
  const looks = recorded('canary-look').slice(0, MAX_LOOKS);
  if (limits === undefined || looks.length === 0) return undefined;
  return {
    limits: { users: numberOf(limits, 'users') ?? 0, slow: numberOf(limits, 'slow') ?? 0 },
    looks: looks.map(lookOf),
  };
}

function lookOf(look: ObservationEvent): Look {
  const { verdict, status, reasons } = look.data ?? {};
  return {
    atMs: numberOf(look, 'elapsedMs') ?? 0,
    decision: {
      verdict: verdict as Look['decision']['verdict'],
      status: status as Look['decision']['status'],
      share: numberOf(look, 'share') ?? 0,
      reasons: String(reasons ?? '')
        .split('\n')
        .filter((reason) => reason !== ''),
      figures: figuresOf(look),
    },
  };
}

/** Returns the figures of an evaluation; null for a decision without figures, such as one by an operator. */
function figuresOf(look: ObservationEvent): Figures | null {
  if (numberOf(look, 'canary.requests') === null) return null;
  return {
    canary: armOf(look, 'canary'),
    control: armOf(look, 'control'),
    evidence: {
      users: numberOf(look, 'evidenceUsers') ?? 0,
      slow: numberOf(look, 'evidenceSlow') ?? 0,
      requests: numberOf(look, 'evidenceRequests') ?? 0,
    },
    errorDeltaUpper: numberOf(look, 'errorDeltaUpper') ?? 1,
    slowDeltaUpper: numberOf(look, 'slowDeltaUpper') ?? 1,
  };
}

function armOf(look: ObservationEvent, arm: 'canary' | 'control'): Figures['canary'] {
  const of = (field: string) => numberOf(look, `${arm}.${field}`);
  return {
    requests: of('requests') ?? 0,
    errorRatio: of('errorRatio'),
    p50Ms: of('p50Ms'),
    p95Ms: of('p95Ms'),
    hitRatio: of('hitRatio'),
    users: of('users') ?? 0,
    affectedUsers: of('affectedUsers') ?? 0,
  };
}

function numberOf({ data }: ObservationEvent, name: string): number | null {
  const value = data?.[name];
  return typeof value === 'number' ? value : null;
}
