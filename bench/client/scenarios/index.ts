import type { Scenario } from '../scenario.ts';
import { coherenceDelay, coherenceRaces, trackingCost } from './coherence.ts';
import { cold } from './cold.ts';
import { outage } from './outage.ts';
import { ownWrites } from './own-writes.ts';
import { poison } from './poison.ts';
import { computedHit, getMany, hundredGets, localHit, oneGet } from './reads.ts';
import { stampede } from './stampede.ts';
import { tags } from './tags.ts';
import { hundredPlainSets, hundredSets, onePlainSet, storedBytes } from './writes.ts';

export const scenarios: readonly Scenario[] = [
  localHit,
  oneGet,
  hundredGets,
  hundredSets,
  hundredPlainSets,
  onePlainSet,
  computedHit,
  getMany,
  storedBytes,
  stampede,
  cold,
  tags,
  coherenceDelay,
  coherenceRaces,
  ownWrites,
  trackingCost,
  outage,
  poison,
];
