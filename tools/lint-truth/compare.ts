/** Compares the lint findings with the behaviour of a server. Pure. */
import { type Finding, lintConf } from '../../infra/redis/conf/lint/index.ts';
import type { ServerVersion } from '../../infra/redis/server-version.ts';
import type { Outcome } from './outcome.ts';

export interface Comparison {
  readonly name: string;
  readonly outcome: Outcome;
  /** First finding that reports that the server does not start. */
  readonly refusal: Finding | undefined;
}

export function modeOf(bytes: Buffer): 'server' | 'sentinel' {
  return /^[ \t]*"?sentinel"?[ \t]+\S/im.test(bytes.toString('latin1')) ? 'sentinel' : 'server';
}

export function firstRefusal(bytes: Buffer, server: ServerVersion): Finding | undefined {
  const kind = modeOf(bytes) === 'sentinel' ? 'sentinel' : 'redis';
  return lintConf(bytes.toString('utf8'), { kind, target: server }).find(({ refusesStart }) => refusesStart);
}

/** False error: the lint reports that the server does not start, but it starts. */
export function isFalseError({ outcome, refusal }: Comparison): boolean {
  return refusal !== undefined && outcome.kind === 'started';
}

/** Missed error: the server rejects the text, and the lint does not report it. */
export function isMissedError({ outcome, refusal }: Comparison): boolean {
  return refusal === undefined && outcome.kind === 'refused';
}

const count = (comparisons: readonly Comparison[], kind: Outcome['kind']) =>
  comparisons.filter(({ outcome }) => outcome.kind === kind).length;

/** Summary line for a server, followed by every difference. */
export function describeComparisons(title: string, comparisons: readonly Comparison[]): string {
  const falseErrors = comparisons.filter(isFalseError);
  const missed = comparisons.filter(isMissedError);
  const unknown = comparisons.filter(({ outcome }) => outcome.kind === 'unknown');
  const figures = [
    `${comparisons.length} texts`,
    `${count(comparisons, 'started')} start`,
    `${count(comparisons, 'refused')} refused`,
    `${count(comparisons, 'machine')} depend on the machine or the build`,
    ...(unknown.length === 0 ? [] : [`${unknown.length} unknown`]),
    `false errors ${falseErrors.length}`,
    `missed errors ${missed.length}`,
  ];
  return [
    `${title}: ${figures.join(', ')}`,
    ...falseErrors.map(
      ({ name, refusal }) => `  false error   ${name}: line ${refusal?.line}: ${refusal?.reason}`,
    ),
    ...missed.map(({ name, outcome }) => `  missed error  ${name}: ${message(outcome)}`),
    ...unknown.map(({ name, outcome }) => `  unknown       ${name}: ${message(outcome)}`),
  ].join('\n');
}

function message(outcome: Outcome): string {
  return outcome.kind === 'started' ? '' : outcome.message;
}
