import type { Scenario } from '../scenario.ts';
import { computedHit, getMany, hundredGets, localHit, oneGet } from './reads.ts';
import { stampede } from './stampede.ts';
import { hundredSets, storedBytes } from './writes.ts';

export const scenarios: readonly Scenario[] = [
  localHit,
  oneGet,
  hundredGets,
  hundredSets,
  computedHit,
  getMany,
  storedBytes,
  stampede,
];
