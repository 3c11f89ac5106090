/**
 * Prometheus, Alertmanager, the exporter and the certificate probe as processes on this machine, on loopback.
 *
 *   rules, configuration, passwords ─▶ files in the folder of each part ─▶ exporter, probe, Alertmanager ─▶ Prometheus
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { makePrivateDir, tailOf, writePrivate } from '../../host/private-files.ts';
import type { Daemon } from '../../host/process.ts';
import { isAlive, type ProcessIdentity } from '../../host/process-identity.ts';
import { waitWhile } from '../../host/wait.ts';
import { exporterArguments, exporterPasswords } from '../../observability/exporter.ts';
import {
  renderAlertmanager,
  renderPrometheus,
  type ScrapedNode,
} from '../../observability/prometheus-conf.ts';
import { renderRules } from '../../observability/rules.ts';
import { hostAndPort, nodesOf } from '../../topology.ts';
import { OBSERVABILITY_PARTS, type ObservabilityPart, observabilityAddresses } from './addresses.ts';
import { diedAtStart, launch, type Program } from './launch.ts';
import { addressOf, type LocalContext, nodeFiles } from './local-context.ts';
import type { ObservabilityPrograms } from './observability-programs.ts';

const PROBE = join(import.meta.dirname, '../../observability/certificate-probe.mjs');
/**
 * Timeout in ms until Prometheus is ready. It replays its log at startup, which takes 1 s for a few days of data from
 * one environment.
 */
const READY_TIMEOUT_MS = 20_000;
const RELOAD_TIMEOUT_MS = 5_000;

export interface ObservabilityRequest {
  readonly context: LocalContext;
  readonly programs: ObservabilityPrograms;
  readonly processes: ReadonlyMap<string, ProcessIdentity>;
  readonly onLaunch: (daemon: Daemon) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Returns the parts of this environment, in start order. */
export function observabilityParts({
  topology,
}: Pick<LocalContext, 'topology'>): readonly ObservabilityPart[] {
  const { observability, security } = topology.environment;
  if (!observability.prometheus) return [];
  return OBSERVABILITY_PARTS.filter((part) => part !== 'certificate-probe' || security.tls);
}

/** Starts the parts that are not running, and waits until they reply. */
export async function launchObservability(request: ObservabilityRequest): Promise<void> {
  const { context, processes, onLaunch, signal } = request;
  for (const part of observabilityParts(context)) {
    const recorded = processes.get(part);
    if (recorded !== undefined && (await isAlive(recorded))) continue;
    makePrivateDir(nodeFiles(context, part).data);
    const { identity, daemon } = await launch(context, part, prepare(part, request));
    onLaunch(daemon);
    await awaitReady(context, part, identity, signal);
  }
}

/** Writes the files of a part; returns its command. */
function prepare(part: ObservabilityPart, { context, programs }: ObservabilityRequest): Program {
  const { dir, data } = nodeFiles(context, part);
  const { environment } = context.topology;
  const addresses = observabilityAddresses(context);
  const { exporter, alertmanager } = addresses;
  const listen = `--web.listen-address=${hostAndPort(addresses[part])}`;
  switch (part) {
    case 'exporter': {
      const passwords = writeExporterPasswords(context);
      const args = exporterArguments(environment, { passwords, ca: context.tls?.paths.ca });
      return { command: programs.exporter, args: [listen, ...args] };
    }
    case 'certificate-probe': {
      const conf = join(dir, 'probe.json');
      const nodes = nodesOf(context.topology).map(({ id }) => ({ id, ...addressOf(context, id) }));
      writePrivate(conf, `${JSON.stringify({ listen: addresses[part], nodes }, null, 2)}\n`);
      return { command: process.execPath, args: [PROBE, conf] };
    }
    case 'alertmanager': {
      const conf = join(dir, 'alertmanager.yml');
      writePrivate(conf, renderAlertmanager(environment));
      const args = [`--config.file=${conf}`, `--storage.path=${data}`, listen, '--cluster.listen-address='];
      return { command: programs.alertmanager, args: [...args, '--log.level=warn'] };
    }
    case 'prometheus': {
      const [conf, rules] = [join(dir, 'prometheus.yml'), join(dir, 'rules.yml')];
      writePrivate(rules, renderRules(environment));
      const certificateProbe = environment.security.tls ? addresses['certificate-probe'] : undefined;
      // Keeps the user's additional rule files.
      mkdirSync(join(dir, 'rules.d'), { recursive: true, mode: 0o700 });
      const ruleFiles = [rules, join(dir, 'rules.d', '*.yml')];
      const nodes = scrapedNodes(context);
      writePrivate(
        conf,
        renderPrometheus({ environment, nodes, exporter, alertmanager, certificateProbe, ruleFiles }),
      );
      const retention = `--storage.tsdb.retention.time=${environment.observability.retentionDays}d`;
      const args = [`--config.file=${conf}`, `--storage.tsdb.path=${data}`, retention, listen];
      return { command: programs.prometheus, args: [...args, '--log.level=warn'] };
    }
  }
}

function scrapedNodes(context: LocalContext): readonly ScrapedNode[] {
  const scheme = context.tls === undefined ? 'redis' : 'rediss';
  return nodesOf(context.topology).map(({ id, role }) => ({
    id,
    role,
    target: `${scheme}://${hostAndPort(addressOf(context, id))}`,
  }));
}

/** Writes the password that the exporter uses for each node. @returns the path of the file */
function writeExporterPasswords(context: LocalContext): string {
  const path = join(nodeFiles(context, 'exporter').dir, 'passwords.json');
  const password = context.secrets.redis.exporter.reveal();
  writePrivate(path, `${JSON.stringify(exporterPasswords(scrapedNodes(context), password), null, 2)}\n`);
  return path;
}

/** Gives the current password to a running exporter. @throws KitError `EXPORTER_FAILED` */
export async function renewExporterPassword(
  context: LocalContext,
  processes: ReadonlyMap<string, ProcessIdentity>,
): Promise<void> {
  const recorded = processes.get('exporter');
  if (recorded === undefined || !(await isAlive(recorded))) return;
  writeExporterPasswords(context);
  const url = `http://${hostAndPort(observabilityAddresses(context).exporter)}/-/reload`;
  const { ok, status } = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(RELOAD_TIMEOUT_MS) });
  if (ok) return;
  throw new KitError(`the exporter did not read its new password: ${url} replied ${status}`, {
    code: 'EXPORTER_FAILED',
    exitCode: EXIT.UNKNOWN,
    where: nodeFiles(context, 'exporter').log,
  });
}

async function awaitReady(
  context: LocalContext,
  part: ObservabilityPart,
  identity: ProcessIdentity,
  signal: AbortSignal | undefined,
): Promise<void> {
  const path = {
    exporter: '/health',
    'certificate-probe': '/',
    alertmanager: '/-/ready',
    prometheus: '/-/ready',
  };
  const url = `http://${hostAndPort(observabilityAddresses(context)[part])}${path[part]}`;
  const explain = () => tailOf(nodeFiles(context, part).log);
  await waitWhile({ what: `${part} to answer`, timeoutMs: READY_TIMEOUT_MS, signal, explain }, async () => {
    if (!(await isAlive(identity))) throw diedAtStart(context, part);
    try {
      const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return ok ? undefined : `${url} replies ${status}`;
    } catch (error) {
      return `${url}: ${error instanceof Error ? error.message : String(error)}`;
    }
  });
}
