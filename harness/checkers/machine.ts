/**
 * Load and delays of the machine during a trial, from the samples of a separate thread (`samplers/machine/`) without
 * access to results. Gates with a timing bound compare these figures with the bound. A figure that the system does not
 * provide is absent.
 *
 * `timer*`: delay of a timer on an idle event loop. `control*`: round trip of a bare PING, measured from its due time.
 * `controlMachine*`: the part of that round trip that was caused by a late timer, or that was spent waiting for a CPU
 * at either end or in a container engine's port forwarder. `wait*`: longest time within a window of 100 ms that a
 * thread of a server, of the harness or of a client waited for a CPU. `loop*`: longest delay of an event loop,
 * including the thread's own work: reported, and never a reason to leave a trial out. Ratios are shares of the CPU time
 * of all cores; `pressureRatio` is the share of elapsed time in which some thread waited for a CPU.
 *
 * Only windows in which the client's generator had operations in flight count; in a trial without a generator, all
 * windows count.
 */
import type { History, ObservationEvent } from '../history/events.ts';
import { largestOf } from '../statistics/quantile.ts';
import type { Checker, Figure } from './checker.ts';
import {
  definedFigures,
  distributionOf,
  operationsOf,
  unknownResult,
  valueFigure,
} from './history-queries.ts';

export const machine: Checker = {
  id: 'machine',
  proves: 'the machine ran the harness, the client and the servers without delay',
  check(history, { client }) {
    const facts = history.observations.find(({ from, name }) => from === 'machine' && name === 'facts');
    const windows = windowsOf(history, client);
    if (facts === undefined || windows.length === 0) return unknownResult('the machine was not sampled');
    const timers = distributionOf(windows.flatMap(samplesOf('timersMs')), 'ms');
    const control = distributionOf(windows.flatMap(samplesOf('controlMs')), 'ms');
    const disk = distributionOf(windows.flatMap(samplesOf('diskMs')), 'ms');
    const added = distributionOf(windows.flatMap(samplesOf('controlMachineMs')), 'ms');
    const unsampled = String(facts.data?.unsampled ?? '');
    return {
      validity: 'valid',
      reasons: unsampled === '' ? [] : [`not sampled: ${unsampled}`],
      figures: definedFigures({
        ...distributionFigures('timer', timers),
        ...distributionFigures('control', control),
        ...distributionFigures('controlMachine', added),
        ...distributionFigures('disk', disk),
        ...waitFigures(windows),
        loopGeneratorMaxMs: loopDelay(history, 'workload', client),
        loopClientMaxMs: loopDelay(history, 'client', client),
        ...shareFigures(windows, Number(facts.data?.cores ?? 1)),
      }),
    };
  },
};

/**
 * Returns the windows that overlap the client's operations; all windows for a trial without a generator, whose script
 * also does other work.
 */
function windowsOf(history: History, client: string): readonly ObservationEvent[] {
  const all = history.observations.filter(({ from, name }) => from === 'machine' && name === 'window');
  const operations = operationsOf(history, client);
  const isGenerated = history.observations.some(({ name }) => name === 'lateness-total');
  if (operations.length === 0 || !isGenerated) return all;
  const startUs = operations.at(0)?.invoke.intendedUs ?? 0;
  const endUs = operations.reduce(
    (last, { invoke, completion }) => Math.max(last, completion?.atUs ?? invoke.atUs),
    0,
  );
  return all.filter(({ atUs, data }) => atUs >= startUs && Number(data?.fromUs ?? atUs) <= endUs);
}

type SampleList = 'timersMs' | 'controlMs' | 'controlMachineMs' | 'diskMs';

function samplesOf(name: SampleList): (window: ObservationEvent) => readonly number[] {
  return ({ data }) => {
    const text = String(data?.[name] ?? '');
    return text === '' ? [] : text.split(' ').map(Number);
  };
}

function distributionFigures(
  name: string,
  figure: Figure | undefined,
): Readonly<Record<string, Figure | undefined>> {
  if (figure?.kind !== 'distribution') return {};
  const { p50, p99, max } = figure.distribution;
  return {
    [`${name}P50Ms`]: valueFigure(p50, 'ms', figure.n),
    [`${name}P99Ms`]: valueFigure(p99, 'ms', figure.n),
    [`${name}MaxMs`]: valueFigure(max, 'ms', figure.n),
  };
}

/** Returns the longest event loop delay reported by a generator or its client. */
function loopDelay(history: History, from: 'workload' | 'client', client: string): Figure | undefined {
  const delays = history.observations.flatMap((seen) =>
    seen.from === from &&
    seen.name === 'loop-delay' &&
    seen.client === client &&
    typeof seen.data?.maxMs === 'number'
      ? [seen.data.maxMs]
      : [],
  );
  return delays.length === 0 ? undefined : valueFigure(largestOf(delays), 'ms', delays.length);
}

/** Matches the names of threads of the harness; any other thread belongs to a server. */
const HARNESS = /^(main|generator-)/;
const CLIENT = /^client-/;

function waitFigures(windows: readonly ObservationEvent[]): Readonly<Record<string, Figure | undefined>> {
  const waits = new Map<string, { maxMs: number; n: number }>();
  for (const { data } of windows) {
    for (const pair of String(data?.waitsMs ?? '').split(' ')) {
      if (pair === '') continue;
      const at = pair.indexOf('=');
      const thread = pair.slice(0, at);
      const { maxMs, n } = waits.get(thread) ?? { maxMs: Number.NEGATIVE_INFINITY, n: 0 };
      waits.set(thread, { maxMs: Math.max(maxMs, Number(pair.slice(at + 1))), n: n + 1 });
    }
  }
  const longest = (belongs: (name: string) => boolean) => {
    const own = [...waits].filter(([name]) => belongs(name)).map(([, wait]) => wait);
    const maxMs = largestOf(own.map((wait) => wait.maxMs));
    const n = own.reduce((sum, wait) => sum + wait.n, 0);
    return own.length === 0 ? undefined : valueFigure(maxMs, 'ms', n);
  };
  return {
    waitHarnessMaxMs: longest((name) => HARNESS.test(name)),
    waitClientMaxMs: longest((name) => CLIENT.test(name)),
    waitServerMaxMs: longest((name) => !HARNESS.test(name) && !CLIENT.test(name)),
  };
}

function shareFigures(
  windows: readonly ObservationEvent[],
  cores: number,
): Readonly<Record<string, Figure | undefined>> {
  const numbersOf = (name: string) =>
    windows.flatMap(({ data }) => (typeof data?.[name] === 'number' ? [data[name]] : []));
  const sum = (name: string) => numbersOf(name).reduce((total, each) => total + each, 0);
  const [busyMs, idleMs, stealMs] = [sum('busyMs'), sum('idleMs'), sum('stealMs')];
  const totalMs = busyMs + idleMs + stealMs;
  const elapsedMs = windows.reduce(
    (total, { atUs, data }) => total + (atUs - Number(data?.fromUs ?? atUs)) / 1_000,
    0,
  );
  const ofCpus = (ms: number) =>
    totalMs > 0 ? valueFigure(ms / totalMs, 'ratio', windows.length) : undefined;
  const runnable = numbersOf('runnable');
  const pressure = numbersOf('pressureMs');
  const loads = numbersOf('load');
  return {
    stealRatio: ofCpus(stealMs),
    busyRatio: ofCpus(busyMs),
    othersRatio: ofCpus(Math.max(0, busyMs - sum('ownMs'))),
    runnablePerCore:
      runnable.length > 0
        ? valueFigure(sum('runnable') / runnable.length / cores, 'threads', runnable.length)
        : undefined,
    pressureRatio:
      pressure.length > 0 && elapsedMs > 0
        ? valueFigure(Math.min(1, sum('pressureMs') / elapsedMs), 'ratio', pressure.length)
        : undefined,
    load: loads.length > 0 ? valueFigure(largestOf(loads), 'threads', loads.length) : undefined,
  };
}
