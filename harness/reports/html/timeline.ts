/**
 * Values that the figures take from a trial's bins: periods without answers, phases around the fault, marks for one
 * client.
 */
import type { TimelineBin, TrialView } from '../report.ts';
import { clientsOf } from '../wording.ts';

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Returns the longest period in which a client sent operations and none succeeded; null if there is no such period. */
export function longestSilence(bins: readonly TimelineBin[], binMs: number): Span | null {
  let longest: Span | null = null;
  let from: number | null = null;
  let asked = false;
  const close = (toMs: number) => {
    if (from !== null && asked && (longest === null || toMs - from > longest.toMs - longest.fromMs)) {
      longest = { fromMs: from, toMs };
    }
    from = null;
    asked = false;
  };
  for (const bin of bins) {
    if (bin.ok > 0) {
      close(bin.tMs);
      continue;
    }
    from ??= bin.tMs;
    asked ||= bin.failed + bin.info > 0;
  }
  const last = bins.at(-1);
  if (last !== undefined) close(last.tMs + binMs);
  return longest;
}

/** Sorts the trials by the longest period without an answer to the kit's client, longest first. */
export function worstFirst(trials: readonly TrialView[]): readonly TrialView[] {
  const silenceMs = (trial: TrialView) => {
    const span = longestSilence(trial.timelines.kit ?? [], trial.binMs);
    return span === null ? 0 : span.toMs - span.fromMs;
  };
  return [...trials].sort((a, b) => silenceMs(b) - silenceMs(a) || a.trial - b.trial);
}

export function endOf(trial: TrialView): number {
  const ends = Object.values(trial.timelines).map((bins) => (bins.at(-1)?.tMs ?? 0) + trial.binMs);
  return ends.reduce((latest, end) => Math.max(latest, end), trial.binMs);
}

/**
 * Returns the marks to draw for one client: `kit: first write` is drawn only for kit, `+switch-master` for every
 * client.
 */
export function marksOf(
  trial: TrialView,
  client: string,
): readonly { readonly label: string; readonly tMs: number }[] {
  const clients = clientsOf(trial);
  return trial.marks
    .map(({ label, tMs }) => {
      const owner = clients.find((name) => label.startsWith(`${name}: `) || label.endsWith(` (${name})`));
      const text = owner === undefined ? label : label.replace(`${owner}: `, '').replace(` (${owner})`, '');
      return { owner, label: text, tMs };
    })
    .filter(({ owner }) => owner === undefined || owner === client)
    .sort((a, b) => a.tMs - b.tMs);
}

export interface Phase {
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
  readonly info: number;
  readonly typicalMs: number | null;
  readonly worstMs: number | null;
}

/** Returns the phases before, during and after the faults. A bin belongs to the phase in which it starts. */
export function phasesOf(trial: TrialView, client: string): readonly Phase[] {
  const bins = trial.timelines[client] ?? [];
  const from = trial.faults.reduce((first, fault) => Math.min(first, fault.fromMs), Number.POSITIVE_INFINITY);
  const to = trial.faults.reduce((last, fault) => Math.max(last, fault.toMs ?? Number.POSITIVE_INFINITY), 0);
  const spans: readonly (readonly [string, number, number])[] = Number.isFinite(from)
    ? [
        ['before the fault', 0, from],
        ['under the fault', from, to],
        ['after the heal', to, Number.POSITIVE_INFINITY],
      ]
    : [['whole trial', 0, Number.POSITIVE_INFINITY]];
  return spans.map(([name, start, end]) =>
    summarizePhase(
      name,
      bins.filter((bin) => bin.tMs >= start && bin.tMs < end),
    ),
  );
}

function summarizePhase(name: string, bins: readonly TimelineBin[]): Phase {
  const sum = (count: (bin: TimelineBin) => number) => bins.reduce((total, bin) => total + count(bin), 0);
  const medians = presentNumbers(bins.map((bin) => bin.p50Ms)).sort((a, b) => a - b);
  const worst = presentNumbers(bins.map((bin) => bin.p99Ms));
  return {
    name,
    ok: sum((bin) => bin.ok),
    failed: sum((bin) => bin.failed),
    info: sum((bin) => bin.info),
    typicalMs: medians[Math.floor((medians.length - 1) / 2)] ?? null,
    worstMs: worst.length === 0 ? null : worst.reduce((most, value) => Math.max(most, value)),
  };
}

function presentNumbers(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}
