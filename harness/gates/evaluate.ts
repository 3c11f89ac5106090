/**
 * Evaluates one gate against the evidence; the result is one criterion.
 *
 *   gate ─▶ in scope? ─▶ trials of its drills ─▶ a reading of each ─▶ aggregate ─▶ target ─▶ smallest n ─▶ claim ─▶ waiver
 *
 * The worst reading wins: FAIL > INVALID > NOT_MEASURED > INSUFFICIENT > PASS. A trial with missing or altered evidence
 * is never judged from the files that remain.
 *
 * A checker's finding is read as follows: a reliable figure is compared with the target; an unreliable figure
 * (`unknown`: keys were evicted) is INVALID. Without a figure, the reading is FAIL if the finding itself is invalid (no
 * write was ever acknowledged again, so there is no time to compare), and NOT_MEASURED if the history does not contain
 * the measurement.
 */
import type { Gate, MachineBounds, Waiver } from '../../config/gates.ts';
import { latestWaiverDay } from '../../config/waiver-days.ts';
import { aggregate, type Reading } from './aggregate.ts';
import { type Attempts, attemptsOf, readLeftOut } from './attempts.ts';
import { boundOf } from './claim.ts';
import type { Criterion, CriterionState, EvidenceRef } from './gate.ts';
import { emptyOf, type Flaw, flawOf, gapsOf, type JudgedTrial, readTrial } from './read.ts';
import { moreTrials, runAgain, SOUND_COPY } from './remedies.ts';
import { cannotRun, isAsked, outOfScope, type RunScope, smallestN } from './scope.ts';
import { compareToTarget, inWords } from './target.ts';

export interface GateContext {
  readonly run: RunScope;
  readonly judgedAt: string;
  readonly trials: readonly JudgedTrial[];
  readonly waivers: readonly Waiver[];
  readonly machine: MachineBounds;
  /** Reason why no criterion of this run can be trusted (altered gates, …); empty if there is none. */
  readonly tainted: readonly string[];
}

interface Outcome {
  readonly state: CriterionState;
  readonly reason: string;
  /** Advice for this state; absent if the gate's own remedy applies. */
  readonly remedy?: string;
  readonly waiver?: Criterion['waiver'];
  readonly measured?: number;
  readonly n?: number;
  readonly bound?: Criterion['bound'];
  readonly evidence?: readonly EvidenceRef[];
  readonly attempts?: Criterion['attempts'] | undefined;
}

/** Evaluates one gate. */
export function evaluate(gate: Gate, context: GateContext): Criterion {
  const reason = outOfScope(gate, context.run);
  const outcome =
    reason === undefined
      ? applyWaiver(
          gate,
          context,
          invalidIfTainted(noteRounds(evaluateInScope(gate, context)), context.tainted),
        )
      : ({ state: 'OUT_OF_SCOPE', reason } satisfies Outcome);
  return {
    id: gate.id,
    title: gate.title,
    source: gate.source,
    state: outcome.state,
    reason: outcome.reason,
    remedy: outcome.remedy ?? gate.remedy,
    ...(outcome.waiver !== undefined && { waiver: outcome.waiver }),
    ...(gate.override !== undefined && { override: gate.override }),
    ...(cannotRun(gate, context.run) && { unsupported: true as const }),
    scope: {
      environments: namesOf(gate.scope.environments),
      substrates: namesOf(gate.scope.substrates),
      profiles: namesOf(gate.scope.profiles),
      workload: gate.workload.join(', '),
      sli: sliInWords(gate),
    },
    target: gate.target,
    unit: gate.unit,
    measured: outcome.measured ?? null,
    n: outcome.n ?? 0,
    minN: reason === undefined ? smallestN(gate, context.run) : gate.minN[context.run.profile],
    bound: outcome.bound ?? null,
    ...(outcome.attempts !== undefined && { attempts: outcome.attempts }),
    evidence: distinctRefs(outcome.evidence ?? []),
  };
}

function evaluateInScope(gate: Gate, context: GateContext): Outcome {
  const wanted = gate.workload.filter((drill) => isAsked(drill, context.run));
  const all: Attempts[] = [];
  const readings = wanted.flatMap((drill) => {
    const trials = context.trials.filter((trial) => trial.drill === drill);
    if (trials.length === 0) return [flawOf(`${drill} was not run`, [], runAgain(drill, context.run))];
    const attempts = attemptsOf(gate, context.machine, trials);
    all.push(attempts);
    const ofDrill = [
      ...attempts.counted.flatMap((trial) => [
        readTrial(gate, context.run, trial),
        ...gapsOf(context.run, trial),
      ]),
      ...readLeftOut(gate, context.run, attempts),
    ];
    return [...ofDrill, ...emptyOf(gate, context.run, drill, ofDrill)];
  });
  const evidence = readings.flatMap((reading) => reading.evidence);
  const figures = readings.flatMap((reading) => (reading.kind === 'figure' ? [reading] : []));
  const flaws = readings.flatMap((reading) => (reading.kind === 'flaw' ? [reading] : []));
  const sum = figures.length === 0 ? undefined : aggregate(gate, figures);
  const base = {
    evidence,
    attempts: attemptsInAll(all),
    ...(sum && { measured: sum.measured, n: sum.n }),
  };

  const missed = figures.filter((reading) => !meetsTarget(gate, reading));
  const failed = flaws.filter((flaw) => flaw.state === 'FAIL');
  if (
    failed.length > 0 ||
    (sum !== undefined && (missed.length > 0 || !compareToTarget(sum.measured, gate.target)))
  ) {
    const worst =
      sum === undefined ? '' : `measured ${inWords(sum.measured, gate.unit)}, target ${describeTarget(gate)}`;
    return {
      ...base,
      state: 'FAIL',
      reason: joinReasons([
        worst,
        ...failed.map(reasonText),
        ...reasonsOf(gate, missed.length > 0 ? missed : figures),
      ]),
      remedy: [...distinctRemedies(gate, missed.length > 0 ? missed : figures), gate.remedy].join(' '),
    };
  }
  for (const state of ['INVALID', 'NOT_MEASURED'] as const) {
    const found = flaws.filter((flaw) => flaw.state === state);
    if (found.length === 0) continue;
    const remedy = [...new Set(found.map((flaw) => flaw.remedy))].slice(0, 3).join(' ');
    return { ...base, state, reason: joinReasons(found.map(reasonText)), remedy };
  }
  if (sum === undefined) return { ...base, state: 'NOT_MEASURED', reason: 'nothing was measured' };
  return passOrInsufficient(gate, context, figures, base, sum);
}

/** Adds the number of omitted trials to the reason given for a criterion that was judged without them. */
function noteRounds(outcome: Outcome): Outcome {
  const leftOut = outcome.attempts?.leftOut ?? 0;
  if (leftOut === 0 || outcome.state === 'INVALID') return outcome;
  const trials = leftOut === 1 ? '1 trial' : `${leftOut} trials`;
  return { ...outcome, reason: `${outcome.reason}; ${trials} left out because the machine was unsound` };
}

function attemptsInAll(all: readonly Attempts[]): Criterion['attempts'] {
  if (all.length === 0) return undefined;
  return {
    rounds: Math.max(...all.map(({ rounds }) => rounds)),
    leftOut: all.reduce((sum, { leftOut }) => sum + leftOut.length, 0),
  };
}

function passOrInsufficient(
  gate: Gate,
  { run }: GateContext,
  figures: readonly Reading[],
  base: Pick<Outcome, 'evidence' | 'attempts'>,
  sum: { readonly measured: number; readonly n: number },
): Outcome {
  const minN = smallestN(gate, run);
  const measured = { ...base, measured: sum.measured, n: sum.n };
  const unit = gate.sli.count === 'trials' ? 'trials' : 'observations';
  const tooFew = [
    ...(sum.n < minN ? [`n = ${sum.n} ${unit}, at least ${minN} needed`] : []),
    ...drillsBelowShare(gate, run, figures).map(
      ({ drill, n, share }) => `${drill}: n = ${n} ${unit}, at least ${share} needed per drill`,
    ),
  ];
  if (tooFew.length > 0) {
    const remedy = moreTrials(gate, run, minN);
    return { ...measured, state: 'INSUFFICIENT', reason: joinReasons(tooFew), remedy };
  }
  const claim = `${inWords(sum.measured, gate.unit)}, target ${describeTarget(gate)}`;
  if (run.profile === 'quick' || gate.claim === undefined) {
    const observed =
      gate.sli.count === 'trials' ? `${sum.n} of ${sum.n} trials observed` : `${sum.n} observed`;
    return { ...measured, state: 'PASS', reason: `${claim}; ${observed}` };
  }
  const { bound, holds, why } = boundOf(gate, gate.claim, figures, sum.n);
  const reason = `${claim}; ${why}`;
  if (holds) return { ...measured, bound, state: 'PASS', reason };
  return { ...measured, bound, state: 'INSUFFICIENT', reason, remedy: moreTrials(gate, run, minN) };
}

/**
 * Returns the drills with less than their share of the minimum n: many observations in one drill prove nothing about
 * another.
 */
function drillsBelowShare(gate: Gate, run: RunScope, figures: readonly Reading[]) {
  const asked = gate.workload.filter((drill) => isAsked(drill, run));
  if (asked.length < 2) return [];
  const share = Math.floor(smallestN(gate, run) / asked.length);
  return asked.flatMap((drill) => {
    const own = figures.filter((reading) => reading.drill === drill);
    const n = own.length === 0 ? 0 : aggregate(gate, own).n;
    return n < share ? [{ drill, n, share }] : [];
  });
}

function meetsTarget(gate: Gate, reading: Reading): boolean {
  // A pooled share is judged over all trials, because a single trial may fall below a share that holds over all of
  // them.
  return gate.sli.over === 'pool' || compareToTarget(aggregate(gate, [reading]).measured, gate.target);
}

function invalidIfTainted(outcome: Outcome, tainted: readonly string[]): Outcome {
  if (tainted.length === 0) return outcome;
  return { ...outcome, state: 'INVALID', reason: joinReasons(tainted), remedy: SOUND_COPY };
}

function applyWaiver(gate: Gate, { waivers, judgedAt }: GateContext, outcome: Outcome): Outcome {
  const given = waivers
    .filter((candidate) => candidate.gate === gate.id)
    .map(({ owner, reason, expires }) => ({ owner, reason, expires, status: statusOf(expires, judgedAt) }));
  if (outcome.state === 'PASS') return outcome;
  const inForce = given.filter(({ status }) => status === 'in-force');
  // The waiver that expires last applies. A waiver that is not in force counts only if there is no other.
  const waiver = (inForce.length > 0 ? inForce : given).reduce<(typeof given)[number] | undefined>(
    (last, each) => (last === undefined || each.expires > last.expires ? each : last),
    undefined,
  );
  if (waiver === undefined) return outcome;
  const found = { ...outcome, waiver };
  if (waiver.status !== 'in-force') return found;
  return { ...found, state: 'WAIVED', reason: `${outcome.state}: ${outcome.reason}` };
}

function statusOf(expires: string, judgedAt: string): NonNullable<Criterion['waiver']>['status'] {
  if (expires < judgedAt.slice(0, 10)) return 'expired';
  return expires > latestWaiverDay(judgedAt) ? 'too-long' : 'in-force';
}

/**
 * Returns the checker's reasons for the trials; if the checker separates its reasons by figure, only those for the
 * gate's figure.
 */
function reasonsOf(gate: Gate, readings: readonly Reading[]): readonly string[] {
  return readings.flatMap(({ name, reasons }) => {
    const own = reasons.filter((reason) => reason.startsWith(`${gate.sli.figure}: `));
    const said = own.length > 0 ? own.map((reason) => reason.slice(gate.sli.figure.length + 2)) : reasons;
    return said.length > 0 ? [`${name}: ${said.join('; ')}`] : [];
  });
}

/** Returns the remedies; if the checker assigns its remedies to figures, only those for the gate's figure. */
function distinctRemedies(gate: Gate, readings: readonly Reading[]): readonly string[] {
  const prefix = `${gate.sli.figure}: `;
  const all = readings.flatMap(({ remedies }) => {
    const own = remedies.filter((remedy) => remedy.startsWith(prefix));
    return own.length > 0 ? own.map((remedy) => remedy.slice(prefix.length)) : remedies;
  });
  return [...new Set(all)].slice(0, MOST_REMEDIES);
}

/**
 * Maximum number of remedies in a criterion: enough for the three nodes of a typical environment. The evidence lists
 * the rest.
 */
const MOST_REMEDIES = 4;

function reasonText(flaw: Flaw): string {
  return flaw.reason;
}

/** Joins the first three reasons, because a run of 59 trials may have 59 of them. */
function joinReasons(reasons: readonly string[]): string {
  const said = [...new Set(reasons.filter((reason) => reason !== ''))];
  return said.length > 3 ? `${said.slice(0, 3).join('; ')}; and ${said.length - 3} more` : said.join('; ');
}

function describeTarget(gate: Gate): string {
  return `${gate.target.op} ${inWords(gate.target.value, gate.unit)}`;
}

function sliInWords({ sli }: Gate): string {
  const over = { max: 'worst trial', min: 'worst trial', sum: 'total', pool: 'all trials together' }[
    sli.over
  ];
  return `${sli.checker}.${sli.figure}${sli.stat === undefined ? '' : ` ${sli.stat}`}, ${over}`;
}

function namesOf(some: 'all' | readonly string[]): readonly string[] {
  return some === 'all' ? ['all'] : some;
}

function distinctRefs(refs: readonly EvidenceRef[]): readonly EvidenceRef[] {
  return [...new Map(refs.map((ref) => [ref.path, ref])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
