/**
 * Whether every replica has the same data as the master, key by key, once replication has caught up. A key that the
 * master does not hold must not be on a replica either, but does not count as compared.
 */
import type { Checker } from './checker.ts';
import { FinalEntries } from './final-entries.ts';
import { definedFigures, finalMaster, joinExamples, unknownResult, valueFigure } from './history-queries.ts';

export const consistency: Checker = {
  id: 'consistency',
  proves: 'after the heal every replica holds the same data as the master',
  check(history) {
    const master = finalMaster(history);
    if (master.kind === 'none') return unknownResult('no final read of a master');
    if (master.kind === 'several') {
      return {
        validity: 'invalid',
        reasons: [`several masters after the heal: ${master.nodes.join(', ')}`],
        figures: {},
      };
    }
    const replicas = Map.groupBy(
      history.finals.filter((final) => final.redisRole === 'replica'),
      (final) => final.node,
    );
    if (replicas.size === 0) return unknownResult('no final read of a replica');
    const { nullNumber } = history.values;
    const differing: { readonly key: number; readonly node: string }[] = [];
    let compared = 0;
    for (const [node, finals] of replicas) {
      const held = new FinalEntries(history, finals);
      const shard = finals[0]?.shard;
      for (const key of master.entries.keyNumbers()) {
        if (shard !== undefined && master.entries.shardOf(key) !== shard) continue;
        const expected = master.entries.valueNumberOf(key);
        if (expected !== nullNumber) compared++;
        if ((held.valueNumberOf(key) ?? nullNumber) !== expected) differing.push({ key, node });
      }
    }
    const describe = ({ key, node }: (typeof differing)[number]) => `${history.keys.textOf(key)} on ${node}`;
    if (compared === 0 && differing.length === 0) return unknownResult('the master held no key to compare');
    return {
      validity: differing.length > 0 ? 'invalid' : 'valid',
      reasons:
        differing.length > 0
          ? [`${differing.length} differ from their master: ${joinExamples(differing, describe)}`]
          : [],
      figures: definedFigures({
        differences: valueFigure(differing.length, 'keys', Math.max(compared, differing.length)),
        compared: valueFigure(compared, 'keys', compared),
      }),
    };
  },
};
