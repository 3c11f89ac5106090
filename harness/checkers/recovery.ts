/**
 * How long a fault was felt. `recoveryMs`: from the observed injection to the first acknowledged write that was meant after
 * it, so that an answer that was already under way does not count. `writeGapMs`: the longest time in which Redis acknowledged
 * nothing, as far as it touches the time since the fault was asked for; a gap still open at the end counts to the end.
 *
 * A client that never wrote again has no `recoveryMs`, and the finding is invalid: never is not a short time.
 */
import type { History } from '../history.ts';
import type { Checker } from './checker.ts';
import {
  type AcknowledgedWrite,
  acknowledgedWrites,
  type FaultSpan,
  faultSpans,
  lastUs,
  operationsOf,
  present,
  US_PER_MS,
  unknown,
  value,
  windowOf,
} from './selection.ts';

export const recovery: Checker = {
  id: 'recovery',
  proves: 'writes go on after a fault, within a measured time, and no client stays dead',
  check(history, context) {
    const dead = deadClients(history, context.client);
    const faults = faultSpans(history);
    if (faults.length === 0) return unknown('no fault was injected', present({ deadClients: dead }));
    const unobserved = faults.find((fault) => !fault.observed);
    if (unobserved !== undefined) {
      return unknown(`${unobserved.fault} was never seen to take effect`, present({ deadClients: dead }));
    }
    const writes = acknowledgedWrites(operationsOf(history, context.client));
    if (writes.length === 0) {
      return {
        validity: 'invalid',
        reasons: ['no write was acknowledged at all'],
        figures: present({ deadClients: dead }),
      };
    }
    const recoveries = faults.map((fault) => recoveryUs(fault, writes));
    const never = faults.filter((_, i) => recoveries[i] === undefined);
    const recovered = recoveries.filter((us) => us !== undefined);
    const alive = dead === undefined || dead.kind !== 'value' || dead.value === 0;
    return {
      validity: never.length > 0 || !alive ? 'invalid' : 'valid',
      reasons: [
        ...never.map((fault) => `no write was acknowledged any more after ${fault.fault} of ${fault.node}`),
        ...(alive ? [] : ['the client did not answer the probe after the heal']),
      ],
      figures: present({
        writeGapMs: value(writeGapUs(history, context.client, faults, writes) / US_PER_MS, 'ms', 1),
        recoveryMs:
          never.length > 0 ? undefined : value(Math.max(...recovered) / US_PER_MS, 'ms', recovered.length),
        deadClients: dead,
      }),
    };
  },
};

function recoveryUs(fault: FaultSpan, writes: readonly AcknowledgedWrite[]): number | undefined {
  let first: number | undefined;
  for (const { invoke, completion } of writes) {
    if (invoke.intendedUs > fault.fromUs && (first === undefined || completion.atUs < first))
      first = completion.atUs;
  }
  return first === undefined ? undefined : first - fault.fromUs;
}

function writeGapUs(
  history: History,
  client: string,
  faults: readonly FaultSpan[],
  writes: readonly AcknowledgedWrite[],
): number {
  const window = windowOf(history, client);
  const startUs = window?.startUs ?? history.operations[0]?.invoke.intendedUs ?? 0;
  const endUs = window?.endUs ?? lastUs(history);
  const fromUs = Math.min(...faults.map((fault) => fault.askedUs));
  const times = writes.map(({ completion }) => completion.atUs).sort((a, b) => a - b);
  let longest = 0;
  let before = startUs;
  for (const at of [...times, endUs]) {
    if (at >= fromUs) longest = Math.max(longest, at - before);
    before = Math.max(before, at);
  }
  return longest;
}

function deadClients(history: History, client: string) {
  const probes = history.observations.filter(
    (seen) => seen.from === 'workload' && seen.name === 'final-probe' && seen.client === client,
  );
  const dead = probes.filter((probe) => probe.data?.alive !== true);
  return probes.length === 0 ? undefined : value(dead.length, 'clients', probes.length);
}
