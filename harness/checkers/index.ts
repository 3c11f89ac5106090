/** All checkers by id. To add a checker, add a file and a line here. */
import { availability } from './availability.ts';
import { benchmark } from './benchmark.ts';
import { canary } from './canary.ts';
import { capacity } from './capacity.ts';
import type { Checker } from './checker.ts';
import { configuration } from './configuration.ts';
import { consistency } from './consistency.ts';
import { coverage } from './coverage.ts';
import { cutOffClient } from './cut-off-client.ts';
import { doubleApplies } from './double-applies.ts';
import { expectations } from './expectations.ts';
import { expiries } from './expiries.ts';
import { failovers } from './failovers.ts';
import { generator } from './generator.ts';
import { hitRatio } from './hit-ratio.ts';
import { k6 } from './k6.ts';
import { latency } from './latency.ts';
import { liveness } from './liveness.ts';
import { load } from './load.ts';
import { loadValues } from './load-values.ts';
import { lostWrites } from './lost-writes.ts';
import { machine } from './machine.ts';
import { memory } from './memory.ts';
import { minReplicas } from './min-replicas.ts';
import { nodeCheckers } from './nodes/index.ts';
import { recovery } from './recovery.ts';
import { replication } from './replication.ts';
import { replicationBuffers } from './replication-buffers.ts';
import { returnedMaster } from './returned-master.ts';
import { settlement } from './settlement.ts';
import { soak } from './soak.ts';
import { staleAcks } from './stale-acks.ts';

/** Checkers that judge the history of a trial. */
export const trialCheckers: readonly Checker[] = [
  lostWrites,
  staleAcks,
  doubleApplies,
  failovers,
  minReplicas,
  returnedMaster,
  cutOffClient,
  liveness,
  settlement,
  recovery,
  latency,
  availability,
  hitRatio,
  benchmark,
  expectations,
  expiries,
  replication,
  replicationBuffers,
  consistency,
  generator,
  machine,
  memory,
  load,
  loadValues,
  capacity,
  k6,
  soak,
  canary,
];

/** Checkers that judge the facts of the nodes, and their intended configuration. */
const configurationCheckers: readonly Checker[] = [configuration, expectations, ...nodeCheckers];

/** Checkers that judge the machine and the generator, and thus whether a trial is sound. */
export const soundnessCheckers: readonly Checker[] = [generator, machine];

/** Checkers that judge the inputs of a run, without a trial. */
export const inputCheckers: readonly Checker[] = [coverage];

/**
 * Returns the checkers of a drill. The trial of the drill `configuration` spans a run and contains facts about nodes;
 * all other trials contain operations.
 */
export function checkersOf(drill: string): readonly Checker[] {
  return drill === configuration.id ? configurationCheckers : trialCheckers;
}

export const checkers: readonly Checker[] = [
  ...new Set([...trialCheckers, ...configurationCheckers, ...inputCheckers]),
];
