import type { Row } from './measure.ts';
import type { BenchRedis } from './redis.ts';

export interface Bench {
  readonly redis: BenchRedis;
  /** 1: a look; 10: a figure to keep. Rounds and calls grow with it. */
  readonly effort: number;
}

/** A target of the kit's own, and what this run says of it. */
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

/** 1 KB of JSON as an API answers it: nested, with texts, numbers and dates as texts. */
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
