import type { Row } from './measure.ts';
import type { BenchRedis } from './redis.ts';

export interface Bench {
  readonly redis: BenchRedis;
  /** Multiplier of rounds and calls: 1 for a quick check, 10 for figures to publish. */
  readonly effort: number;
  /** Checkout whose client is measured too. */
  readonly before?: string;
}

/** A goal of the kit, and the result of this run. */
export interface Goal {
  readonly asks: string;
  readonly measured: string;
  readonly held: boolean;
}

export interface Outcome {
  readonly unit: string;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
  readonly notes?: readonly string[];
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  run(bench: Bench): Promise<Outcome>;
}

/** 1 KB of JSON, similar to an API response: nested, with strings, numbers and dates as strings. */
export function document(i: number): object {
  return {
    id: i,
    name: `product ${i}`,
    price: { amount: 1_999 + (i % 100), currency: 'EUR' },
    tags: ['new', 'sale', `group-${i % 17}`],
    updatedAt: '2026-11-21T04:00:00.000Z',
    stock: Array.from({ length: 12 }, (_, n) => ({ shop: `shop-${n}`, pieces: (i * 7 + n * 3) % 50 })),
    text: 'Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor invidunt. '.repeat(
      3,
    ),
  };
}

export function atMost(what: string, measured: number, bound: number): Goal {
  return { asks: `${what} <= ${bound} x`, measured: `${measured.toFixed(2)} x`, held: measured <= bound };
}

export function atLeast(what: string, measured: number, bound: number): Goal {
  return { asks: `${what} >= ${bound} x`, measured: `${measured.toFixed(2)} x`, held: measured >= bound };
}

export function bounded(what: string, measured: number, bound: number): readonly Goal[] {
  const said = Number.isInteger(measured) ? `${measured}` : measured.toFixed(3);
  return [{ asks: `${what} <= ${bound}`, measured: said, held: measured <= bound }];
}
