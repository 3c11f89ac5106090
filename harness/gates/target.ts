/** Compares a measurement with a target, and formats both in words. */
import type { Criterion } from './gate.ts';

type Target = Criterion['target'];

const OPERATORS: Readonly<Record<Target['op'], (measured: number, value: number) => boolean>> = {
  '<': (measured, value) => measured < value,
  '<=': (measured, value) => measured <= value,
  '>': (measured, value) => measured > value,
  '>=': (measured, value) => measured >= value,
  '==': (measured, value) => measured === value,
};

export function compareToTarget(measured: number, target: Target): boolean {
  return OPERATORS[target.op](measured, target.value);
}

/**
 * Whether larger values are worse. If so, the worst trial is the one with the maximum, and an upper bound is needed.
 */
export function largerIsWorse(target: Target): boolean {
  return target.op === '<' || target.op === '<=' || (target.op === '==' && target.value === 0);
}

/** Formats an amount as `3.21 ms`, `99.95 %` or `0 writes`, with at most six digits and no locale. */
export function inWords(amount: number, unit: string): string {
  if (unit === 'ratio') return `${Number((amount * 100).toPrecision(6))} %`;
  if (unit === 'boolean') return amount === 1 ? 'yes' : 'no';
  return `${Number(amount.toPrecision(6))} ${unit}`;
}
