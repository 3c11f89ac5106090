/**
 * Rolling change of local processes: finds the nodes that differ from the configuration, replaces one at a time, and
 * records the configuration as applied when all are replaced.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { writePrivate } from '../../host/private-files.ts';
import { endProcess, isAlive } from '../../host/process-identity.ts';
import type { NodeChange, PreparedChange } from '../../operations/rolling/change.ts';
import { fileMark } from '../../operations/rolling/file-mark.ts';
import { notRolling } from '../../operations/rolling/limits.ts';
import { requireMutualTrust } from '../../operations/rolling/trust.ts';
import { renewSentinelConf } from '../../redis/conf/sentinel-conf.ts';
import { serverOf } from '../../redis/server-capabilities.ts';
import { nodesOf, planTopology, type SentinelNode, type TopologyNode } from '../../topology.ts';
import { configDifferences } from '../config-differences.ts';
import { OBSERVABILITY_PARTS } from './addresses.ts';
import {
  arePartsOutdated,
  type CertificateTexts,
  recordPartsRenewed,
  renewedCertificates,
} from './certificates.ts';
import { LocalEnvironment } from './environment.ts';
import { fingerprintDifferences, fingerprintOf, recordFingerprint } from './fingerprint.ts';
import { type Ledger, updateLedger } from './ledger.ts';
import { addressOf, type LocalContext, nodeFiles, nodeOf } from './local-context.ts';
import type { LocalNodes } from './nodes.ts';
import { configHashOf } from './plan.ts';
import { renderSentinel, renderUsers } from './rendering.ts';
import { startNode } from './start-node.ts';

/** Parts that serve no client, and can therefore be stopped before they start with the new configuration. */
const PARTS = ['watchdog', ...OBSERVABILITY_PARTS];
const PART_GRACE_MS = 3_000;

export interface LocalChangeRequest {
  /** Nodes with the new configuration and server program. */
  readonly nodes: LocalNodes;
  readonly ledger: Ledger;
  /** Starts Prometheus and its parts, if the environment has them. */
  readonly startObservability: () => Promise<void>;
  readonly progress: (line: string) => void;
}

/** Prepares a change. @throws KitError `CHANGE_NOT_ROLLING`, `CERTIFICATE_UNTRUSTED` */
export async function prepareLocalChange({
  nodes,
  ledger,
  startObservability,
  progress: report,
}: LocalChangeRequest): Promise<PreparedChange> {
  const { context } = nodes;
  const asked = context.topology.environment;
  const applied = ledger.config ?? asked;
  requireRolling(asked, notRolling(applied, asked));
  const hosts = [...context.placement.values()].map(({ host }) => host);
  const certificates = context.tls && renewedCertificates(asked, context.tls, hosts);
  const changes = nodesOf(context.topology).flatMap((node): readonly NodeChange[] => {
    const differences = differencesOf(context, node, ledger, certificates?.texts);
    return differences.length === 0 ? [] : [{ nodeId: node.id, differences }];
  });
  const environment = new LocalEnvironment({ nodes, deviations: ledger.deviations });
  if (certificates !== undefined && changes.length > 0) {
    report('checking that the nodes trust the certificates of each other');
    await requireMutualTrust(environment, certificates.texts);
  }
  return {
    environment,
    mark: fileMark(join(context.dir, 'rolling')),
    changes,
    // The files of these parts are rendered at every start, so the parts are restarted after each change. They are
    // named only if a change of the certificates was interrupted before they were restarted.
    parts: context.tls && arePartsOutdated(context.tls) ? runningParts(nodes).map(([id]) => id) : [],
    settings: configDifferences(applied, asked),
    server: serverOf(context.binary.facts),
    async replaceNode(nodeId, progress) {
      // The nodes share the files, and read them only on startup.
      certificates?.write();
      await replaceNode(nodes, ledger, nodeId, progress);
    },
    finish: (progress) => finish(nodes, { startObservability, progress }),
    [Symbol.asyncDispose]: () => nodes[Symbol.asyncDispose](),
  };
}

/** Checks the settings. @throws KitError `CHANGE_NOT_ROLLING` with the settings that cannot differ between two nodes */
function requireRolling(asked: EnvironmentConfig, paths: readonly string[]): void {
  if (paths.length === 0) return;
  const flags = environmentFlags(asked);
  throw new KitError(`cannot be changed node by node: ${paths.join(', ')}`, {
    code: 'CHANGE_NOT_ROLLING',
    exitCode: EXIT.USAGE,
    where: asked.name,
    hint: `restore these settings, or start a new environment: kit backup ${flags}, kit down ${flags}, kit up ${flags}, kit restore ${flags}`,
  });
}

function differencesOf(
  context: LocalContext,
  node: TopologyNode,
  ledger: Ledger,
  certificates: CertificateTexts | undefined,
): readonly string[] {
  const found = ledger.fingerprints?.[node.id];
  const isUnchanged = ledger.configHash === configHashOf(context.topology);
  // The ledger was written by an older version: only the configuration as a whole can be compared.
  if (found === undefined && isUnchanged && ledger.binary.provenance === context.binary.provenance) return [];
  return fingerprintDifferences(found, fingerprintOf(context, node, certificates));
}

async function replaceNode(
  nodes: LocalNodes,
  ledger: Ledger,
  nodeId: string,
  progress: (line: string) => void,
): Promise<void> {
  const { context } = nodes;
  const node = nodeOf(context, nodeId);
  const identity = nodes.processes().get(nodeId);
  if (identity !== undefined && (await isAlive(identity))) await nodes.stop(nodeId);
  renewUsers(context, node, ledger);
  if (node.role === 'sentinel') renewSentinel(context, node);
  recordFingerprint(context, node);
  await startNode(nodes, nodeId, { progress });
}

/**
 * Rewrites the users if their rights differ. Otherwise the file is kept, because it may contain a password that has
 * been rotated since.
 */
function renewUsers(context: LocalContext, node: TopologyNode, ledger: Ledger): void {
  const { acl } = nodeFiles(context, node.id);
  if (existsSync(acl) && hasSameRights(context, node, ledger)) return;
  writePrivate(acl, renderUsers(context, node));
}

function hasSameRights(context: LocalContext, node: TopologyNode, ledger: Ledger): boolean {
  const found = ledger.fingerprints?.[node.id];
  if (found !== undefined) return found.users === fingerprintOf(context, node).users;
  const applied = planTopology(ledger.config ?? context.topology.environment);
  const before: LocalContext = { ...context, topology: applied, binary: ledger.binary };
  return renderUsers(context, node) === renderUsers(before, node);
}

/** Replaces the settings in the file of a sentinel, which Sentinel has rewritten, and keeps its state. */
function renewSentinel(context: LocalContext, node: SentinelNode): void {
  const { conf } = nodeFiles(context, node.id);
  // A missing file is rendered when the sentinel starts.
  if (!existsSync(conf)) return;
  const first = context.topology.redis[0]?.id ?? node.id;
  const { text } = renderSentinel(context, node, addressOf(context, first));
  const { serviceName } = context.topology.environment.topology;
  writePrivate(conf, renewSentinelConf(text, readFileSync(conf, 'utf8'), serviceName));
}

const runningParts = (nodes: LocalNodes) => [...nodes.processes()].filter(([id]) => PARTS.includes(id));

async function finish(
  nodes: LocalNodes,
  {
    startObservability,
    progress,
  }: Pick<LocalChangeRequest, 'startObservability'> & { readonly progress: (line: string) => void },
): Promise<void> {
  const { context, name } = nodes;
  const running = runningParts(nodes);
  if (running.length > 0) progress(`restarting ${running.map(([id]) => id).join(', ')}`);
  await Promise.all(running.map(([, identity]) => endProcess(identity, PART_GRACE_MS)));
  updateLedger(context.stateDir, name, (ledger) => ({
    ...ledger,
    processes: Object.fromEntries(Object.entries(ledger.processes).filter(([id]) => !PARTS.includes(id))),
  }));
  await nodes.launchWatchdog();
  await startObservability();
  if (context.tls !== undefined) recordPartsRenewed(context.tls);
  updateLedger(context.stateDir, name, (ledger) => ({
    ...ledger,
    configHash: configHashOf(context.topology),
    config: context.topology.environment,
    binary: context.binary,
    deviations: [...nodes.deviations],
  }));
}
