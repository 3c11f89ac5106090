/**
 * Extension module for a repository that uses the kit. It adds a drill, a fault, a checker, a workload, a warming
 * strategy and a report.
 *
 *     kit drill key-loss --module examples/extension/module.ts --gates examples/extension/gates.yaml
 *     kit warm --config examples/extension/kit.yaml
 *
 * The fault deletes some keys on the master, as a careless script would. The workload writes products, injects the
 * fault and reads the products again. The checker counts products whose value differs from the written one: a deleted
 * product must be a miss, never a different value.
 *
 * In a repository that has the package installed, import from 'redis-cache-kit/extension'.
 */
import {
  type Checker,
  defineExtension,
  defineScript,
  equals,
  type Fault,
  integrationDrill,
  type ReportFormat,
} from '../../harness/extension/index.ts';

const PATTERN = '*product:*:victim-*';

/**
 * Deletes the keys that match a pattern on one node. There is nothing to heal, because a cache recomputes the values.
 */
const deleteKeys: Fault = {
  id: 'delete-keys',
  async inject(environment, nodeId) {
    const redis = await environment.admin(nodeId);
    let deleted = 0;
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', PATTERN, 'COUNT', 1_000);
      cursor = next;
      if (keys.length > 0) deleted += await redis.del(...keys);
    } while (cursor !== '0');
    return { detail: `deleted ${deleted} keys`, heal: async () => undefined };
  },
};

const productReads = defineScript({
  // `integrationDrill` runs the script whose name equals the id of the drill.
  name: 'key-loss',
  defaults: { products: 20 },
  async run({ open, expect, inject, remember, record, clock, tag, parameters }) {
    const cache = open();
    const nameOf = (kind: string, i: number) => `product:${tag}:${kind}-${i}`;
    const names = ['victim', 'kept'].flatMap((kind) =>
      Array.from({ length: parameters.products }, (_, i) => nameOf(kind, i)),
    );
    remember(...names.map((name) => cache.physicalKey(name)));
    for (const name of names) await cache.set(name, `value of ${name}`);
    await inject('delete-keys');
    let misses = 0;
    let wrong = 0;
    for (const name of names) {
      const value = await cache.get(name);
      if (value === undefined) misses++;
      else if (value !== `value of ${name}`) wrong++;
    }
    record({
      type: 'observe',
      from: 'workload',
      name: 'products',
      atUs: clock.nowUs(),
      data: { misses, wrong },
    });
    expect('victims-missed', 'every deleted product is a miss', equals(parameters.products, misses));
  },
});

const productValues: Checker = {
  id: 'product-values',
  proves: 'no read returns the value of another product',
  check({ observations }) {
    const seen = observations.filter(({ from, name }) => from === 'workload' && name === 'products');
    const wrong = seen.flatMap(({ data }) => (typeof data?.wrong === 'number' ? [data.wrong] : []));
    if (wrong.length === 0) return { validity: 'unknown', reasons: ['no products were read'], figures: {} };
    const sum = wrong.reduce((total, count) => total + count, 0);
    return {
      validity: sum === 0 ? 'valid' : 'invalid',
      reasons: sum === 0 ? [] : [`${sum} products had the value of another product`],
      figures: { wrong: { kind: 'value', value: sum, unit: 'reads', n: wrong.length } },
    };
  },
};

/** One line per criterion, for a spreadsheet. Pure: `kit verify` renders it again. */
const criteriaCsv: ReportFormat = {
  file: 'criteria.csv',
  render: ({ verdict }) =>
    [
      'id,state,measured,unit',
      ...verdict.criteria.map((each) => [each.id, each.state, each.measured ?? '', each.unit].join(',')),
    ]
      .map((line) => `${line}\n`)
      .join(''),
};

/** Entries that `kit warm` writes. An application would read them from its database. */
const products = Array.from({ length: 20 }, (_, i) => [`product:${i}`, { name: `product ${i}` }] as const);

export default defineExtension({
  name: 'shop',
  strategies: [{ name: 'products', ttlSeconds: 600, generate: () => products }],
  reports: [criteriaCsv],
  faults: [deleteKeys],
  workloads: [productReads],
  checkers: [productValues],
  drills: [
    integrationDrill({
      id: 'key-loss',
      title: 'Keys disappear from Redis',
      source: 'incident of the shop',
      safeOutcome: 'a deleted product is a miss, never a different value',
      expectations: ['victims-missed'],
    }),
  ],
});
