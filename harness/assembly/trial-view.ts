/** A trial as shown in a report: series, faults and marks on one clock, latencies, expectations. */
import { inWords, isMet, jsonText } from '../checkers/expectations.ts';
import {
  acknowledgedWrites,
  faultSpans,
  measuredOperations,
  operationsOf,
  US_PER_MS,
  wasSent,
} from '../checkers/history-queries.ts';
import { waitsByKind } from '../checkers/latency.ts';
import { WriteSeries } from '../checkers/write-series.ts';
import type { Drill } from '../drills/drill.ts';
import { shorten } from '../evidence/excerpt.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import type { History } from '../history/events.ts';
import type { TrialView } from '../reports/report.ts';
import { histogramOf } from '../statistics/histogram.ts';
import { smallestOf, summarize } from '../statistics/quantile.ts';
import { assembleCanary } from './canary.ts';
import { assembleEvents, assembleMasters } from './masters.ts';
import { assembleTimeline, binWidthMs, originUs } from './timeline.ts';

/** Parts of a drill's definition that are printed in reports and used by the judge. */
export type DrillText = Pick<
  Drill,
  | 'id'
  | 'title'
  | 'neededFailovers'
  | 'family'
  | 'safeOutcome'
  | 'operations'
  | 'expectations'
  | 'timed'
  | 'external'
> & { readonly faults?: readonly Pick<Drill['faults'][number], 'fault'>[] };

/** Maximum number of characters of a recorded value in a report; values may have any size. */
const MAX_SHOWN_CHARACTERS = 2_000;
/** Three sentinels report the same event almost simultaneously, so one mark is enough. */
const SAME_EVENT_US = 2_000_000;
/** The fault that is observed only after it is over. Its span therefore runs from the request to the observation. */
const COORDINATED = 'planned-switch';
/** The drill whose only trial spans the whole run, so the length of the trial is not the duration of a measurement. */
const SPANNING_DRILL = 'configuration';
const SENTINEL_MARKS = new Set(['+odown', '+promoted-slave', '+switch-master']);

/** Returns the trial as shown in a report. @param history undefined if nothing could be judged */
export function trialView(record: TrialRecord, drill: DrillText, history: History | undefined): TrialView {
  const head = {
    drill: record.drill,
    title: drill.title,
    family: drill.family,
    safeOutcome: drill.safeOutcome,
    trial: record.trial,
    ...(record.round !== undefined && { round: record.round }),
    status: record.status,
    ...(record.reason !== undefined && { reason: record.reason }),
    durationMs: record.drill === SPANNING_DRILL ? 0 : (record.endedUs - record.startedUs) / US_PER_MS,
  };
  if (history === undefined) {
    return { ...head, binMs: 100, timelines: {}, faults: [], marks: [], latencies: [], expectations: [] };
  }
  const binMs = binWidthMs(history);
  const clients = record.clients.filter((client) => operationsOf(history, client).length > 0);
  const canary = assembleCanary(history);
  const tMs = (atUs: number) => (atUs - originUs(history)) / US_PER_MS;
  const spanMs = ([fromUs, toUs]: readonly [number, number | undefined]) => ({
    fromMs: tMs(fromUs),
    toMs: toUs === undefined ? null : tMs(toUs),
  });
  return {
    ...head,
    binMs,
    timelines: Object.fromEntries(
      clients.map((client) => [client, assembleTimeline(history, client, binMs)]),
    ),
    faults: faultSpans(history).map(({ fault, node, askedUs, fromUs, toUs }) => ({
      fault,
      node,
      ...spanMs(fault === COORDINATED ? [askedUs, fromUs] : [fromUs, toUs]),
    })),
    marks: assembleMarks(history, clients).map(({ label, atUs }) => ({ label, tMs: tMs(atUs) })),
    ...(drill.family === 'failover' && {
      masters: assembleMasters(history),
      events: assembleEvents(history),
    }),
    latencies: clients.flatMap((client) => assembleLatencies(history, client)),
    expectations: history.expectations.map((one) => ({
      what: shorten(one.what, MAX_SHOWN_CHARACTERS),
      expected: shorten(inWords(one), MAX_SHOWN_CHARACTERS),
      actual: shorten(jsonText(one.actual), MAX_SHOWN_CHARACTERS),
      held: isMet(one),
    })),
    ...(canary !== undefined && { canary }),
  };
}

function assembleLatencies(history: History, client: string): TrialView['latencies'] {
  const waits = waitsByKind(history, measuredOperations(history, client).filter(wasSent));
  return [...waits]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([kind, samples]) => {
      const distribution = summarize(samples);
      if (distribution === undefined) return [];
      return [{ client, kind, n: samples.length, distribution, histogram: histogramOf(samples) }];
    });
}

function assembleMarks(
  history: History,
  clients: readonly string[],
): readonly { readonly label: string; readonly atUs: number }[] {
  const found: { label: string; atUs: number }[] = [];
  for (const { from, name, atUs } of history.observations) {
    if (from !== 'sentinel' || !SENTINEL_MARKS.has(name)) continue;
    const before = found.findLast(({ label }) => label === name);
    if (before === undefined || atUs - before.atUs > SAME_EVENT_US) found.push({ label: name, atUs });
  }
  const faults = faultSpans(history).filter(({ fault }) => fault !== COORDINATED);
  // Clients are processed one after the other, because the series of a long history are large.
  const writes = (faults.length === 0 ? [] : clients).map((client) => {
    const acknowledged = new WriteSeries(acknowledgedWrites(operationsOf(history, client)));
    return { client, after: faults.map(({ fromUs }) => [...acknowledged.firstAfter(fromUs).values()]) };
  });
  for (const i of faults.keys()) {
    for (const { client, after } of writes) {
      const times = after[i] ?? [];
      if (times.length > 0)
        found.push({ label: `first write after the fault (${client})`, atUs: smallestOf(times) });
    }
  }
  return found.sort((a, b) => a.atUs - b.atUs);
}
