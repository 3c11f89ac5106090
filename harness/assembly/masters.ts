/**
 * Nodes that were master during a trial, and the events that the sentinels published, for the figure that explains a
 * gap. The sources are samples of the nodes' roles, taken at most a second apart, and Sentinel's own promotion event,
 * which comes earlier.
 */
import { faultSpans, isSentinel, US_PER_MS } from '../checkers/history-queries.ts';
import { shorten } from '../evidence/excerpt.ts';
import type { History } from '../history/events.ts';
import type { TrialView } from '../reports/report.ts';
import { originUs } from './timeline.ts';

/** Sampling interval. A sample after a longer gap begins a new span, because the node did not reply in between. */
const SAMPLE_US = 1_000_000;
const SILENT_US = 2.5 * SAMPLE_US;
/** Limits for a figure and a table, because a half-hour storm has hundreds of events. */
const MAX_SPANS = 100;
const MAX_EVENTS = 120;
const MAX_MESSAGE = 120;
/** Matches the events that sentinels publish continuously and that are unrelated to failovers. */
const ROUTINE = /^(__sentinel__|\+sentinel|\+slave$|\+fix-slave-config|\+reset-master|\+set)/;

interface Span {
  readonly node: string;
  readonly fromUs: number;
  lastUs: number;
  endUs: number | undefined;
}

/**
 * Returns the spans in which a node reported the master role, ordered by start time. A span has no end if the node
 * still reports the role at the end of the trial.
 */
export function assembleMasters(history: History): NonNullable<TrialView['masters']> {
  const spans: Span[] = [];
  const open = new Map<string, Span>();
  const promotions = history.observations.filter(({ name }) => name === '+promoted-slave');
  for (const { from, node = '', atUs, data } of history.observations) {
    if (from !== 'info' || data?.role === undefined) continue;
    const before = open.get(node);
    if (data.role !== 'master') {
      if (before !== undefined) before.endUs = Math.min(atUs, before.lastUs + SAMPLE_US);
      open.delete(node);
    } else if (before !== undefined && atUs - before.lastUs <= SILENT_US) {
      before.lastUs = atUs;
    } else {
      // The sample is taken up to a second after the promotion that Sentinel observed.
      const promoted = promotions.findLast((event) => event.atUs <= atUs && atUs - event.atUs <= SAMPLE_US);
      const span = { node, fromUs: promoted?.atUs ?? atUs, lastUs: atUs, endUs: undefined };
      spans.push(span);
      open.set(node, span);
    }
  }
  const faults = faultSpans(history);
  const origin = originUs(history);
  return spans.slice(0, MAX_SPANS).map(({ node, fromUs, lastUs, endUs }) => {
    const struck = faults.find(
      (fault) => fault.node === node && fault.fromUs >= lastUs && fault.fromUs <= lastUs + SAMPLE_US,
    );
    const isLast = endUs === undefined && open.get(node)?.fromUs === fromUs;
    const toUs = struck?.fromUs ?? endUs ?? (isLast ? undefined : lastUs);
    const fromMs = Math.max(0, (fromUs - origin) / US_PER_MS);
    return { node, fromMs, toMs: toUs === undefined ? null : (toUs - origin) / US_PER_MS };
  });
}

/** Returns the fault events, the heal events and all failover events published by the sentinels, in order. */
export function assembleEvents(history: History): NonNullable<TrialView['events']> {
  const origin = originUs(history);
  const ofFaults = history.faults
    .filter(({ phase }) => phase === 'injected' || phase === 'healed')
    .map(({ fault, phase, node = '', atUs }) => ({ atUs, node, label: `${fault} ${phase}`, detail: '' }));
  const published = history.observations
    .filter(({ from, name }) => from === 'sentinel' && !ROUTINE.test(name))
    .map(({ name, node = '', atUs, data }) => ({
      ...{ atUs, node, label: name },
      detail: shorten(String(data?.message ?? ''), MAX_MESSAGE),
    }));
  return [...ofFaults, ...published]
    .sort((a, b) => a.atUs - b.atUs)
    .slice(0, MAX_EVENTS)
    .map(({ atUs, ...event }) => ({
      ...event,
      source: isSentinel(event.node) && event.detail !== '' ? ('sentinel' as const) : ('fault' as const),
      tMs: (atUs - origin) / US_PER_MS,
    }));
}
