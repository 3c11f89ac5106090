/** Every drill, in execution order: cheap and basic drills first. */
import { alerting } from './alerting.ts';
import { allReplicasLost } from './all-replicas-lost.ts';
import { backupRestore } from './backup-restore.ts';
import { batches } from './batches.ts';
import { bounce } from './bounce.ts';
import { breaker } from './breaker.ts';
import { canaryRollback } from './canary-rollback.ts';
import { capacityDrills } from './capacity/index.ts';
import { clockJump } from './clock-jump.ts';
import { clusterMasterCrash } from './cluster-master-crash.ts';
import { clusterSlotMigration } from './cluster-slot-migration.ts';
import { coherence } from './coherence.ts';
import { configuration } from './configuration.ts';
import { connectionSaturation } from './connection-saturation.ts';
import { consistency } from './consistency.ts';
import { corruptPayload } from './corrupt-payload.ts';
import { credentialRotation } from './credential-rotation.ts';
import { cutConnections } from './cut-connections.ts';
import { diskFull } from './disk-full.ts';
import { doubleFailover } from './double-failover.ts';
import type { Drill } from './drill.ts';
import { durableWrites } from './durable-writes.ts';
import { featureFlag } from './feature-flag.ts';
import { fullRestart } from './full-restart.ts';
import { hitMiss } from './hit-miss.ts';
import { hostLoss } from './host-loss.ts';
import { keyVersioning } from './key-versioning.ts';
import { locks } from './locks.ts';
import { masterCrash } from './master-crash.ts';
import { masterHang } from './master-hang.ts';
import { memoryFull } from './memory-full.ts';
import { noQuorum } from './no-quorum.ts';
import { observability } from './observability.ts';
import { oldMasterReturns } from './old-master-returns.ts';
import { outage } from './outage.ts';
import { outageWrites } from './outage-writes.ts';
import { partitionClient } from './partition-client.ts';
import { partitionMaster } from './partition-master.ts';
import { partitionMinority } from './partition-minority.ts';
import { plannedSwitch } from './planned-switch.ts';
import { poisonedData } from './poisoned-data.ts';
import { realistic50 } from './realistic-50.ts';
import { refusals } from './refusals.ts';
import { replicaCrash } from './replica-crash.ts';
import { replicaReads } from './replica-reads.ts';
import { replication } from './replication.ts';
import { repliesLost } from './replies-lost.ts';
import { rollingReplace } from './rolling-replace.ts';
import { rotatePassword } from './rotate-password.ts';
import { runbook } from './runbook.ts';
import { security } from './security.ts';
import { sentinelHang } from './sentinel-hang.ts';
import { sentinelLoss } from './sentinel-loss.ts';
import { shortStall } from './short-stall.ts';
import { singleFlight } from './single-flight.ts';
import { slowRedis } from './slow-redis.ts';
import { steady } from './steady.ts';
import { storm } from './storm/index.ts';
import { structuredLogs } from './structured-logs.ts';
import { timeoutFallback } from './timeout-fallback.ts';
import { ttlExpiry } from './ttl-expiry.ts';
import { warming } from './warming.ts';
import { watchdogHang } from './watchdog-hang.ts';
import { watchdogLoss } from './watchdog-loss.ts';
import { writePaths } from './write-paths.ts';
import { zipf100 } from './zipf-100.ts';

export const drills: readonly Drill[] = [
  configuration,
  hitMiss,
  ttlExpiry,
  writePaths,
  coherence,
  singleFlight,
  locks,
  corruptPayload,
  keyVersioning,
  observability,
  featureFlag,
  security,
  replication,
  consistency,
  durableWrites,
  replicaReads,
  credentialRotation,
  clockJump,
  timeoutFallback,
  outageWrites,
  refusals,
  breaker,
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
  realistic50,
  zipf100,
  steady,
  batches,
  plannedSwitch,
  masterCrash,
  masterHang,
  shortStall,
  repliesLost,
  sentinelLoss,
  sentinelHang,
  hostLoss,
  replicaCrash,
  allReplicasLost,
  noQuorum,
  bounce,
  cutConnections,
  oldMasterReturns,
  watchdogLoss,
  watchdogHang,
  outage,
  storm,
  fullRestart,
  rollingReplace,
  doubleFailover,
  partitionMaster,
  partitionMinority,
  partitionClient,
  clusterSlotMigration,
  clusterMasterCrash,
  ...capacityDrills,
];
