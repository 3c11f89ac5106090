/**
 * Number of seconds of write traffic, at the measured rate, that a master retains for a replica that is unreachable (in
 * the backlog), or that is copying the data set (in the output buffer of the replica's connection). A replica that is
 * unreachable for longer than this must copy the complete data set.
 *
 * The rate is that of the fastest second in the measured window, on any node. A limit on the output buffer below the
 * backlog has no effect (`checkClientOutputBufferLimits`, networking.c), and 0 means no limit.
 */
import type { History, ObservationEvent } from '../history/events.ts';
import type { Checker } from './checker.ts';
import { unknownResult, valueFigure, windowOf } from './history-queries.ts';

const REPLICA_LIMITS = /(?:slave|replica) (\d+) (\d+) (\d+)/;

/** Maximum duration of a failover, in s: the target in config/gates.yaml. */
const HELD_SECONDS = 30;

interface Held {
  readonly node: string;
  readonly directive: string;
  readonly live: string;
  readonly seconds: number;
}

export const replicationBuffers: Checker = {
  id: 'replication-buffers',
  proves: 'backlog and output buffer hold the measured writes for as long as a replica may be unreachable',
  check(history, { client }) {
    const buffers = history.observations.filter(({ from, name }) => from === 'info' && name === 'buffers');
    const { bytesPerSecond, samples } = fastestSecond(history, client);
    if (buffers.length === 0) return unknownResult('no node reported its backlog and its output buffer');
    if (samples === 0) return unknownResult('the growth of the replication stream was not sampled');
    if (bytesPerSecond === 0)
      return unknownResult('nothing was written: there is no rate to compare the buffers with');
    const held = buffers.flatMap((seen) => heldBy(seen, bytesPerSecond));
    const [least] = held.toSorted((a, b) => a.seconds - b.seconds);
    if (least === undefined) return unknownResult('no node reported a size of its backlog');
    const { node, directive, live, seconds } = least;
    const rate = `${Math.round(bytesPerSecond / 1024)} KB/s`;
    return {
      validity: 'valid',
      reasons: [
        `${node}: ${directive} is '${live}', ${seconds.toFixed(1)} s of the fastest second (${rate})`,
      ],
      remedies: [
        `${node}: ${directive} is '${live}': it must hold ${HELD_SECONDS} s of writes at ${rate}, which is ${Math.ceil(HELD_SECONDS * bytesPerSecond)} bytes.`,
      ],
      figures: { heldSeconds: valueFigure(seconds, 's', samples) },
    };
  },
};

/**
 * Returns the growth of the replication stream per second, in the fastest interval between two samples in the measured
 * window.
 */
function fastestSecond(
  history: History,
  client: string,
): {
  readonly bytesPerSecond: number;
  readonly samples: number;
} {
  const last = new Map<string, { readonly offset: number; readonly atUs: number }>();
  const { startUs, endUs } = windowOf(history, client) ?? { startUs: 0, endUs: Number.POSITIVE_INFINITY };
  let bytesPerSecond = 0;
  let samples = 0;
  for (const { from, name, node = '', atUs, data } of history.observations) {
    const offset = data?.masterReplOffset;
    if (from !== 'info' || name !== 'sample' || typeof offset !== 'number') continue;
    // Before the window begins, the data set is filled at full speed.
    if (atUs < startUs || atUs > endUs) continue;
    const before = last.get(node);
    last.set(node, { offset, atUs });
    // A node that was restarted or promoted continues a different stream.
    if (before === undefined || offset < before.offset || atUs - before.atUs < SHORTEST_US) continue;
    samples += 1;
    bytesPerSecond = Math.max(bytesPerSecond, ((offset - before.offset) / (atUs - before.atUs)) * 1e6);
  }
  return { bytesPerSecond, samples };
}

/**
 * Minimum interval between two samples. Over shorter intervals (the last sample of a trial is taken immediately),
 * timestamp noise dominates.
 */
const SHORTEST_US = 500_000;

function heldBy({ node = '', data = {} }: ObservationEvent, bytesPerSecond: number): readonly Held[] {
  const backlog = Number(data['repl-backlog-size']);
  if (!Number.isFinite(backlog) || backlog <= 0) return [];
  const limits = String(data['client-output-buffer-limit'] ?? '');
  const [, hard = '0', soft = '0', softSeconds = '0'] = REPLICA_LIMITS.exec(limits) ?? [];
  const held = [
    { node, directive: 'repl-backlog-size', live: String(backlog), seconds: backlog / bytesPerSecond },
  ];
  const outputFigure = (bytes: number, more: number) => {
    if (bytes === 0) return;
    const seconds = Math.max(bytes, backlog) / bytesPerSecond + more;
    held.push({ node, directive: 'client-output-buffer-limit', live: limits, seconds });
  };
  outputFigure(Number(hard), 0);
  // A soft limit takes effect only once it has been exceeded for `softSeconds`.
  outputFigure(Number(soft), Number(softSeconds));
  return held;
}
