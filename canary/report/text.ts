/** Renders a rollout as text for a terminal: share, arms, evidence, decision and reasons. Pure. */
import type { CanaryView } from '../inspection.ts';
import type { ArmFigures } from '../judge/types.ts';
import type { ShownDecision } from './rollout-view.ts';

export function canaryText(view: CanaryView): string {
  const { flag, status, now, changes, log } = view;
  const head = `${flag}: ${status}, ${percent(view.share)} of the users (stages ${view.stages.join(', ')} %)`;
  const recent = changes
    .slice(-5)
    .map(({ atMs, decision }) => `  ${isoTime(atMs)}  ${decisionText(decision)}`);
  return [
    head,
    ...(now === null ? ['no look yet'] : [`now: ${decisionText(now)}`, ...figureLines(now)]),
    ...(recent.length === 0 ? [] : ['changes to the share', ...recent]),
    log.problem === null
      ? `log: ${log.decisions} decisions, all recomputed; ${log.digest ?? 'empty'}`
      : `log: DAMAGED: ${log.problem}`,
  ].join('\n');
}

export function decisionText({ verdict, reasons }: Pick<ShownDecision, 'verdict' | 'reasons'>): string {
  return [verdict, ...reasons].join('; ');
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').slice(0, 19);
}

/** Returns the rows that compare both arms, as text. */
export function armRows({ figures }: ShownDecision): readonly (readonly [string, string, string])[] {
  if (figures === null) return [];
  const { canary, control } = figures;
  const row = (name: string, of: (arm: ArmFigures) => string) => [name, of(canary), of(control)] as const;
  return [
    row('requests', ({ requests }) => String(requests)),
    row('error ratio', ({ errorRatio }) => percent(errorRatio, 2)),
    row('p50', ({ p50Ms }) => milliseconds(p50Ms)),
    row('p95', ({ p95Ms }) => milliseconds(p95Ms)),
    row('hit ratio', ({ hitRatio }) => percent(hitRatio, 1)),
    row('users', ({ users }) => String(users)),
    row('affected users', ({ affectedUsers }) => String(affectedUsers)),
  ];
}

function figureLines(decision: ShownDecision): readonly string[] {
  const { figures } = decision;
  if (figures === null) return [];
  const rows = [['', 'canary', 'control'] as const, ...armRows(decision)];
  const { evidence } = figures;
  return [
    ...rows.map(([name, a, b]) => `  ${name.padEnd(16)}${a.padStart(12)}${b.padStart(12)}`),
    `  evidence against the canary (e-values): users ${evidence.users}, slow ${evidence.slow}, requests ${evidence.requests}`,
    `  error delta at most ${percent(figures.errorDeltaUpper, 2)}, slow requests at most ${percent(figures.slowDeltaUpper, 2)} more`,
  ];
}

export function percent(ratio: number | null, digits = 0): string {
  return ratio === null ? '-' : `${(ratio * 100).toFixed(digits)} %`;
}

function milliseconds(ms: number | null): string {
  return ms === null ? '-' : `<= ${ms} ms`;
}
