/** Every workload by name, as drills refer to them. */
import { KitError } from '../../config/errors.ts';
import { generatedWorkloads } from './catalogue.ts';
import type { GeneratedWorkload } from './generated.ts';
import { SCENARIOS } from './http/k6.ts';
import { alerting } from './scripted/alerting.ts';
import { backupRestore } from './scripted/backup-restore.ts';
import { breaker } from './scripted/breaker.ts';
import { canaryRollback } from './scripted/canary-rollback.ts';
import { clockJump } from './scripted/clock-jump.ts';
import { coherence } from './scripted/coherence.ts';
import { connectionSaturation } from './scripted/connection-saturation.ts';
import { connections } from './scripted/connections.ts';
import { consistency } from './scripted/consistency.ts';
import { corruptPayload } from './scripted/corrupt-payload.ts';
import { credentialRotation } from './scripted/credential-rotation.ts';
import { diskFull } from './scripted/disk-full.ts';
import { durableWrites } from './scripted/durable-writes.ts';
import { featureFlag } from './scripted/feature-flag.ts';
import { hitMiss } from './scripted/hit-miss.ts';
import { httpScenario } from './scripted/http.ts';
import { keyVersioning } from './scripted/key-versioning.ts';
import { loadMixes } from './scripted/load-mixes.ts';
import { locks } from './scripted/locks.ts';
import { memoryFull } from './scripted/memory-full.ts';
import { memoryGrowth } from './scripted/memory-growth.ts';
import { observability } from './scripted/observability.ts';
import { outageWrites } from './scripted/outage-writes/index.ts';
import { poisonedData } from './scripted/poisoned-data.ts';
import { refusals } from './scripted/refusals.ts';
import { replicaReads } from './scripted/replica-reads.ts';
import { replication } from './scripted/replication.ts';
import { rotatePassword } from './scripted/rotate-password.ts';
import { runbook } from './scripted/runbook.ts';
import type { ScriptedWorkload } from './scripted/script.ts';
import { security } from './scripted/security.ts';
import { singleFlight } from './scripted/single-flight.ts';
import { slowRedis } from './scripted/slow-redis.ts';
import { soak } from './scripted/soak.ts';
import { structuredLogs } from './scripted/structured-logs.ts';
import { throughput } from './scripted/throughput.ts';
import { timeoutFallback } from './scripted/timeout-fallback.ts';
import { ttlExpiry } from './scripted/ttl-expiry/index.ts';
import { warming } from './scripted/warming.ts';
import { writePaths } from './scripted/write-paths/index.ts';

export type Workload = GeneratedWorkload | ScriptedWorkload;

const scripted: readonly ScriptedWorkload[] = [
  breaker,
  clockJump,
  consistency,
  corruptPayload,
  featureFlag,
  hitMiss,
  keyVersioning,
  observability,
  replication,
  security,
  timeoutFallback,
  ttlExpiry,
  writePaths,
  coherence,
  singleFlight,
  locks,
  outageWrites,
  refusals,
  durableWrites,
  credentialRotation,
  replicaReads,
  slowRedis,
  connectionSaturation,
  poisonedData,
  memoryFull,
  diskFull,
  canaryRollback,
  backupRestore,
  rotatePassword,
  structuredLogs,
  warming,
  runbook,
  alerting,
  throughput,
  loadMixes,
  connections,
  memoryGrowth,
  ...SCENARIOS.map(httpScenario),
  soak,
];

export const workloads: ReadonlyMap<string, Workload> = new Map<string, Workload>([
  ...generatedWorkloads,
  ...scripted.map((workload) => [workload.name, workload] as const),
]);

export function workloadByName(name: string): Workload {
  const workload = workloads.get(name);
  if (workload === undefined) {
    throw new KitError(`unknown workload '${name}'`, {
      code: 'DRILL_INVALID',
      hint: `allowed: ${[...workloads.keys()].join(', ')}`,
    });
  }
  return workload;
}
