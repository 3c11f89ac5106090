/** Every fault, by the id that is used in drill schedules. */
import { KitError } from '../../config/errors.ts';
import { cutClients } from './cut-clients.ts';
import { cutConnections } from './cut-connections.ts';
import { dropReplies } from './drop-replies.ts';
import type { Fault } from './fault.ts';
import { fillDisk } from './fill-disk.ts';
import { fillMemory } from './fill-memory.ts';
import { forcedFailover } from './forced-failover.ts';
import { killNode } from './kill.ts';
import { partitionNode } from './partition.ts';
import { partitionMinority } from './partition-minority.ts';
import { pauseNode } from './pause.ts';
import { plannedSwitch } from './planned-switch.ts';
import { rollingReplace } from './rolling-replace.ts';
import { saturateConnections } from './saturate-connections.ts';
import { slotMigration } from './slot-migration.ts';
import { stopNode } from './stop.ts';

const faults: ReadonlyMap<string, Fault> = new Map(
  [
    killNode,
    stopNode,
    cutClients,
    cutConnections,
    dropReplies,
    fillDisk,
    fillMemory,
    forcedFailover,
    partitionNode,
    partitionMinority,
    pauseNode,
    plannedSwitch,
    rollingReplace,
    saturateConnections,
    slotMigration,
  ].map((fault) => [fault.id, fault]),
);

export function faultIds(): Iterable<string> {
  return faults.keys();
}

export function faultById(id: string): Fault {
  const fault = faults.get(id);
  if (fault === undefined) {
    throw new KitError(`unknown fault '${id}'`, {
      code: 'DRILL_INVALID',
      hint: `allowed: ${[...faults.keys()].join(', ')}`,
    });
  }
  return fault;
}
