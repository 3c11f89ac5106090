/**
 * One gate against the evidence → one criterion.
 *
 *   gate ─▶ in scope? ─▶ trials of its drills ─▶ a reading of each ─▶ aggregate ─▶ target ─▶ smallest n ─▶ claim ─▶ waiver
 *
 * The worst reading wins: FAIL > INVALID > NOT_MEASURED > INSUFFICIENT > PASS. A trial whose evidence is missing or was
 * altered is never judged by what is left of it.
 *
 * How a checker's finding reads: a figure without doubt is compared; a figure with doubt (`unknown`: keys were evicted) is
 * INVALID; no figure is NOT_MEASURED where the history does not show it, and FAIL where the finding itself is invalid (no
 * write was ever acknowledged again: there is no time to compare).
 */
import type { Gate, Waiver } from '../../config/gates.ts';
import type { CheckResult } from '../checkers/checker.ts';
import { few } from '../evidence/excerpt.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import { aggregate, type Reading } from './aggregate.ts';
import { boundOf } from './claim.ts';
import type { Criterion, CriterionState, EvidenceRef } from './gate.ts';
import { GENERATOR_ENDED, IDLE_MACHINE, moreTrials, runAgain, SOUND_COPY } from './remedies.ts';
import { isAsked, outOfScope, type RunScope, smallestN } from './scope.ts';
import { compare, inWords } from './target.ts';

/** A trial with what its evidence allows to say. */
export interface JudgedTrial {
  readonly drill: string;
  readonly trial: number;
  readonly status: TrialRecord['status'];
  readonly reason?: string;
  readonly files: readonly EvidenceRef[];
  /** Files that are gone; then nothing else of the trial counts. */
  readonly missing: readonly string[];
  /** Files that were altered or cannot be parsed. */
  readonly broken: readonly string[];
  /** Why nothing of the trial counts although its files are as sealed: "is listed twice in the manifest". */
  readonly distrusted?: string;
  /** Obligations of the drill that the history does not show, in words: no criterion passes by such a trial. */
  readonly gaps?: readonly string[];
  readonly results: readonly CheckResult[];
}

export interface GateContext {
  readonly run: RunScope;
  readonly judgedAt: string;
  readonly trials: readonly JudgedTrial[];
  readonly waivers: readonly Waiver[];
  /** Why no criterion of this run can be trusted (altered gates, …); empty where none. */
  readonly tainted: readonly string[];
}

interface Outcome {
  readonly state: CriterionState;
  readonly because: string;
  /** Advice that fits the state; the gate's own remedy where it is left out. */
  readonly remedy?: string;
  readonly waiver?: Criterion['waiver'];
  readonly measured?: number;
  readonly n?: number;
  readonly bound?: Criterion['bound'];
  readonly evidence?: readonly EvidenceRef[];
}

/** Answers one gate. */
export function evaluate(gate: Gate, context: GateContext): Criterion {
  const reason = outOfScope(gate, context.run);
  const outcome =
    reason === undefined
      ? waived(gate, context, distrusted(judge(gate, context), context.tainted))
      : ({ state: 'OUT_OF_SCOPE', because: reason } satisfies Outcome);
  return {
    id: gate.id,
    title: gate.title,
    source: gate.source,
    state: outcome.state,
    because: outcome.because,
    remedy: outcome.remedy ?? gate.remedy,
    ...(outcome.waiver !== undefined && { waiver: outcome.waiver }),
    scope: {
      environments: names(gate.scope.environments),
      substrates: names(gate.scope.substrates),
      profiles: names(gate.scope.profiles),
      workload: gate.workload.join(', '),
      sli: sliInWords(gate),
    },
    target: gate.target,
    unit: gate.unit,
    measured: outcome.measured ?? null,
    n: outcome.n ?? 0,
    minN: reason === undefined ? smallestN(gate, context.run) : gate.minN[context.run.profile],
    bound: outcome.bound ?? null,
    evidence: distinct(outcome.evidence ?? []),
  };
}

function judge(gate: Gate, context: GateContext): Outcome {
  const wanted = gate.workload.filter((drill) => isAsked(drill, context.run));
  const readings = wanted.flatMap((drill) => {
    const trials = context.trials.filter((trial) => trial.drill === drill);
    if (trials.length === 0) return [absent(`${drill} was not run`, [], runAgain(drill, context.run))];
    const ofDrill = trials.flatMap((trial) => [
      readTrial(gate, context.run, trial),
      ...gapsOf(context.run, trial),
    ]);
    return [...ofDrill, ...emptyOf(gate, context.run, drill, ofDrill)];
  });
  const evidence = readings.flatMap((reading) => reading.evidence);
  const figures = readings.flatMap((reading) => (reading.kind === 'figure' ? [reading] : []));
  const flaws = readings.flatMap((reading) => (reading.kind === 'flaw' ? [reading] : []));
  const sum = figures.length === 0 ? undefined : aggregate(gate, figures);
  const base = { evidence, ...(sum && { measured: sum.measured, n: sum.n }) };

  const missed = figures.filter((reading) => !meets(gate, reading));
  const failed = flaws.filter((flaw) => flaw.state === 'FAIL');
  if (
    failed.length > 0 ||
    (sum !== undefined && (missed.length > 0 || !compare(sum.measured, gate.target)))
  ) {
    const worst =
      sum === undefined ? '' : `measured ${inWords(sum.measured, gate.unit)}, target ${target(gate)}`;
    return {
      ...base,
      state: 'FAIL',
      because: sentence([
        worst,
        ...failed.map(text),
        ...reasonsOf(gate, missed.length > 0 ? missed : figures),
      ]),
      remedy: [...distinctRemedies(gate, missed.length > 0 ? missed : figures), gate.remedy].join(' '),
    };
  }
  for (const state of ['INVALID', 'NOT_MEASURED'] as const) {
    const found = flaws.filter((flaw) => flaw.state === state);
    if (found.length === 0) continue;
    const remedy = [...new Set(found.map((flaw) => flaw.remedy))].slice(0, 3).join(' ');
    return { ...base, state, because: sentence(found.map(text)), remedy };
  }
  if (sum === undefined) return { ...base, state: 'NOT_MEASURED', because: 'nothing was measured' };
  return passOrInsufficient(gate, context, figures, base, sum);
}

function passOrInsufficient(
  gate: Gate,
  { run }: GateContext,
  figures: readonly Reading[],
  base: Pick<Outcome, 'evidence'>,
  sum: { readonly measured: number; readonly n: number },
): Outcome {
  const minN = smallestN(gate, run);
  const measured = { ...base, measured: sum.measured, n: sum.n };
  const unit = gate.sli.count === 'trials' ? 'trials' : 'observations';
  const tooFew = [
    ...(sum.n < minN ? [`${sum.n} ${unit}; ${minN} are the fewest that count`] : []),
    ...drillsBelowShare(gate, run, figures).map(
      ({ drill, n, share }) => `${n} ${unit} of ${drill}; ${share} are the fewest that count of each drill`,
    ),
  ];
  if (tooFew.length > 0) {
    const remedy = moreTrials(gate, run, minN);
    return { ...measured, state: 'INSUFFICIENT', because: sentence(tooFew), remedy };
  }
  const claim = `${inWords(sum.measured, gate.unit)}, target ${target(gate)}`;
  if (run.profile === 'quick' || gate.claim === undefined) {
    const observed =
      gate.sli.count === 'trials' ? `${sum.n} of ${sum.n} trials observed` : `${sum.n} observed`;
    return { ...measured, state: 'PASS', because: `${claim}; ${observed}` };
  }
  const { bound, holds, why } = boundOf(gate, gate.claim, figures, sum.n);
  const because = `${claim}; ${why}`;
  if (holds) return { ...measured, bound, state: 'PASS', because };
  return { ...measured, bound, state: 'INSUFFICIENT', because, remedy: moreTrials(gate, run, minN) };
}

/** Drills that have less than their share of the smallest n: plenty in one drill says nothing of another. */
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

type Flaw = {
  readonly kind: 'flaw';
  readonly state: 'FAIL' | 'INVALID' | 'NOT_MEASURED';
  readonly because: string;
  readonly remedy: string;
  readonly evidence: readonly EvidenceRef[];
};

function absent(
  because: string,
  evidence: readonly EvidenceRef[],
  remedy: string,
  state: Flaw['state'] = 'NOT_MEASURED',
): Flaw {
  return { kind: 'flaw', state, because, remedy, evidence };
}

function readTrial(gate: Gate, run: RunScope, trial: JudgedTrial): Reading | Flaw {
  // A trial's history is one: its files are judged together or not at all.
  const evidence = trial.files;
  const name = trial.trial === 0 ? trial.drill : `${trial.drill} #${trial.trial}`;
  if (trial.broken.length > 0) {
    const because = `${name}: ${few(trial.broken)} was altered or is broken`;
    return absent(because, evidence, SOUND_COPY, 'INVALID');
  }
  if (trial.distrusted !== undefined) {
    return absent(`${name} ${trial.distrusted}`, evidence, SOUND_COPY, 'INVALID');
  }
  if (trial.missing.length > 0) {
    return absent(`${name}: ${few(trial.missing)} is missing`, evidence, SOUND_COPY);
  }
  const again = runAgain(trial.drill, run);
  if (trial.status !== 'completed') {
    return absent(`${name} was not measured: ${trial.reason ?? trial.status}`, evidence, again);
  }
  const result = trial.results.find(
    ({ checker, client }) => checker === gate.sli.checker && client === gate.client,
  );
  if (result === undefined) {
    return absent(`${name} has nothing of ${gate.client} for ${gate.sli.checker}`, evidence, again);
  }
  return readResult(gate, trial, { name, again }, result, evidence);
}

/** Faults that never struck, operations that never ran. */
function gapsOf(run: RunScope, trial: JudgedTrial): readonly Flaw[] {
  const name = `${trial.drill} #${trial.trial}`;
  return (trial.gaps ?? []).map((gap) => absent(`${name}: ${gap}`, trial.files, runAgain(trial.drill, run)));
}

/** A drill whose trials measured nothing at all, however much the others of the gate did. */
function emptyOf(
  gate: Gate,
  run: RunScope,
  drill: string,
  readings: readonly (Reading | Flaw)[],
): readonly Flaw[] {
  const figures = readings.filter((reading) => reading.kind === 'figure');
  if (figures.length === 0 || figures.some(({ figure }) => figure.n > 0)) return [];
  const because = `${drill}: 0 ${gate.unit} were looked at, so that ${gate.sli.figure} shows nothing`;
  return [
    absent(
      because,
      figures.flatMap(({ evidence }) => evidence),
      `${runAgain(drill, run)} ${gate.remedy}`,
    ),
  ];
}

function readResult(
  gate: Gate,
  trial: JudgedTrial,
  { name, again }: { readonly name: string; readonly again: string },
  result: CheckResult,
  evidence: readonly EvidenceRef[],
): Reading | Flaw {
  const figure = result.figures[gate.sli.figure];
  const said = ownReasons(gate, result);
  const reasons = said.length > 0 ? said.join('; ') : `no figure '${gate.sli.figure}'`;
  const unmeasured = result.unmeasured?.[gate.sli.figure];
  if (unmeasured !== undefined) return absent(`${name}: ${unmeasured}`, evidence, result.remedy ?? again);
  if (figure === undefined) {
    const state = result.validity === 'invalid' ? 'FAIL' : 'NOT_MEASURED';
    return absent(`${name}: ${reasons}`, evidence, result.remedy ?? again, state);
  }
  // Keys that may have been evicted are neither lost nor kept: the count is no measurement, whatever it says.
  if (result.validity === 'unknown') {
    return absent(`${name}: ${reasons}`, evidence, result.remedy ?? again, 'INVALID');
  }
  const late = lateness(gate, trial);
  if (late !== undefined) return absent(`${name}: ${late.because}`, evidence, late.remedy, 'INVALID');
  return {
    kind: 'figure',
    drill: trial.drill,
    name,
    figure,
    reasons: result.reasons,
    remedies: result.remedies ?? [],
    evidence,
  };
}

/** What the checker says, but for what concerns another figure alone. */
function ownReasons(gate: Gate, { reasons, figures }: CheckResult): readonly string[] {
  const others = Object.keys(figures).filter((figure) => figure !== gate.sli.figure);
  return reasons.filter((reason) => !others.some((figure) => reason.startsWith(`${figure}: `)));
}

/** Why a time measured in this trial says more about the generator than about Redis. */
function lateness(gate: Gate, trial: JudgedTrial): Pick<Flaw, 'because' | 'remedy'> | undefined {
  if (gate.timing === false) return undefined;
  const sound = trial.results.find(
    ({ checker, client }) => checker === 'generator' && client === gate.client,
  );
  const { latenessP99MaxMs, latenessMaxMs = Number.POSITIVE_INFINITY } = gate.timing;
  const bounds = [
    ['p99', sound?.figures.latenessP99Ms, latenessP99MaxMs],
    ['at worst', sound?.figures.latenessMaxMs, latenessMaxMs],
  ] as const;
  for (const [what, figure, most] of bounds) {
    if (figure?.kind !== 'value') {
      return { because: 'how late the generator was is not recorded', remedy: GENERATOR_ENDED };
    }
    if (figure.value <= most) continue;
    const late = `${what} ${inWords(figure.value, 'ms')}, at most ${most} ms for this criterion`;
    return { because: `the generator was late itself: ${late}`, remedy: IDLE_MACHINE };
  }
  return undefined;
}

function meets(gate: Gate, reading: Reading): boolean {
  // A pooled share is judged together: one trial of many may be below a share that holds over all.
  return gate.sli.over === 'pool' || compare(aggregate(gate, [reading]).measured, gate.target);
}

function distrusted(outcome: Outcome, tainted: readonly string[]): Outcome {
  if (tainted.length === 0) return outcome;
  return { ...outcome, state: 'INVALID', because: sentence(tainted), remedy: SOUND_COPY };
}

function waived(gate: Gate, { waivers, judgedAt }: GateContext, outcome: Outcome): Outcome {
  const given = waivers.filter((candidate) => candidate.gate === gate.id);
  const isValid = ({ expires }: Waiver) => expires >= judgedAt.slice(0, 10);
  // The one that lasts longest: an expired one beside it says nothing.
  const waiver = given.reduce<Waiver | undefined>(
    (last, each) => (last === undefined || each.expires > last.expires ? each : last),
    undefined,
  );
  if (waiver === undefined || outcome.state === 'PASS') return outcome;
  const { owner, reason, expires } = waiver;
  const found = { ...outcome, waiver: { owner, reason, expires } };
  if (!isValid(waiver)) return found;
  return { ...found, state: 'WAIVED', because: `${outcome.state}: ${outcome.because}` };
}

/** What the checker says of the trials, and of the gate's own figure alone where it says that. */
function reasonsOf(gate: Gate, readings: readonly Reading[]): readonly string[] {
  return readings.flatMap(({ name, reasons }) => {
    const own = reasons.filter((reason) => reason.startsWith(`${gate.sli.figure}: `));
    const said = own.length > 0 ? own.map((reason) => reason.slice(gate.sli.figure.length + 2)) : reasons;
    return said.length > 0 ? [`${name}: ${said.join('; ')}`] : [];
  });
}

/** Of the gate's own figure alone, where the checker says which of its figures a remedy is for. */
function distinctRemedies(gate: Gate, readings: readonly Reading[]): readonly string[] {
  const prefix = `${gate.sli.figure}: `;
  const all = readings.flatMap(({ remedies }) => {
    const own = remedies.filter((remedy) => remedy.startsWith(prefix));
    return own.length > 0 ? own.map((remedy) => remedy.slice(prefix.length)) : remedies;
  });
  return [...new Set(all)].slice(0, MOST_REMEDIES);
}

/** Three nodes of an environment, as a rule; the evidence names the rest. */
const MOST_REMEDIES = 4;

function text(flaw: Flaw): string {
  return flaw.because;
}

/** The first three reasons; a run of 59 trials has as many. */
function sentence(reasons: readonly string[]): string {
  const said = [...new Set(reasons.filter((reason) => reason !== ''))];
  return said.length > 3 ? `${said.slice(0, 3).join('; ')}; and ${said.length - 3} more` : said.join('; ');
}

function target(gate: Gate): string {
  return `${gate.target.op} ${inWords(gate.target.value, gate.unit)}`;
}

function sliInWords({ sli }: Gate): string {
  const over = { max: 'worst trial', min: 'worst trial', sum: 'total', pool: 'all trials together' }[
    sli.over
  ];
  return `${sli.checker}.${sli.figure}${sli.stat === undefined ? '' : ` ${sli.stat}`}, ${over}`;
}

function names(some: 'all' | readonly string[]): readonly string[] {
  return some === 'all' ? ['all'] : some;
}

function distinct(refs: readonly EvidenceRef[]): readonly EvidenceRef[] {
  return [...new Map(refs.map((ref) => [ref.path, ref])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
