/**
 * Checks the shape of a finding from a checker in another repository, because its figures decide a verdict in the same
 * way as those of the built-in checkers.
 */
import type { CheckResult, Figure } from '../checkers/checker.ts';
import { isObject } from '../evidence/shape.ts';

type Fields = Readonly<Record<string, unknown>>;

const VALIDITIES: readonly CheckResult['validity'][] = ['valid', 'invalid', 'unknown'];
const STATISTICS = ['min', 'p50', 'p95', 'p99', 'max', 'mean'];

/** Describes why the value is not a finding; undefined if it is one. */
export function findingProblem(value: unknown): string | undefined {
  if (!isObject(value)) return 'it must be an object';
  if (value instanceof Promise) return 'it must be a value and not a promise';
  const { validity, reasons, remedy, remedies = [], figures, untimed = {}, unmeasured = {} } = value;
  if (!VALIDITIES.some((each) => each === validity)) return `validity must be ${VALIDITIES.join(', ')}`;
  if (!areTexts(reasons) || !areTexts(remedies)) return 'reasons and remedies must be lists of strings';
  if (remedy !== undefined && typeof remedy !== 'string') return 'remedy must be a string';
  if (!isObject(unmeasured) || !areTexts(Object.values(unmeasured)))
    return 'unmeasured must be strings by the name of the figure';
  if (!isObject(figures) || !isObject(untimed)) return 'figures must be an object';
  const named = [...Object.entries(figures), ...Object.entries(untimed)];
  const [name] = named.find(([, figure]) => !isFigure(figure)) ?? [];
  return name && `the figure ${name} must have a kind with its numbers, a unit and n`;
}

function isFigure(value: unknown): boolean {
  if (!isObject(value) || typeof value.unit !== 'string' || !isCount(value.n)) return false;
  const isKind: Readonly<Record<Figure['kind'], (figure: Fields) => boolean>> = {
    value: ({ value: amount }) => Number.isFinite(amount),
    proportion: ({ successes, n, unit }) => isCount(successes) && successes <= Number(n) && unit === 'ratio',
    distribution: ({ distribution, samples, n }) =>
      isObject(distribution) &&
      STATISTICS.every((statistic) => Number.isFinite(distribution[statistic])) &&
      Array.isArray(samples) &&
      samples.length === n &&
      samples.every((sample, i) => Number.isFinite(sample) && (i === 0 || samples[i - 1] <= sample)),
  };
  const { kind } = value;
  return typeof kind === 'string' && Object.hasOwn(isKind, kind) && isKind[kind as Figure['kind']](value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
