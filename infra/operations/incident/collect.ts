/**
 * Collects what a post-mortem needs into one folder: roles, configuration, logs, slow commands, latency, memory,
 * sentinel events, and the metrics of a time window. Changes nothing. Every text is redacted, and the folder is sealed.
 *
 *   nodes ─▶ queries ─┐
 *   log files ────────┼─▶ redaction ─▶ files ─▶ manifest with digests
 *   Prometheus ───────┘
 *
 * A node that does not reply is listed in `missing` instead of causing an error, because unreachable nodes are normal
 * during an incident.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { withoutWebhook } from '../../../config/observability-settings.ts';
import { writePrivate } from '../../host/private-files.ts';
import { awaitPing } from '../../redis/ping.ts';
import type { Environment } from '../../substrates/environment.ts';
import { nodesOf } from '../../topology.ts';
import { json, queriesOf } from './node-queries.ts';
import { type Redact, redactor } from './redaction.ts';
import { type IncidentManifest, sealIncident } from './seal.ts';

export interface IncidentRequest {
  readonly environment: Environment;
  /** Path of an empty or new folder. */
  readonly dir: string;
  readonly passwords: readonly string[];
  readonly metricsMinutes: number;
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Maximum number of bytes that are collected from the end of a log; older lines stay on the node's machine. */
const MAX_LOG_BYTES = 2 * 1024 ** 2;
const PROMETHEUS_TIMEOUT_MS = 10_000;
/** Matches events from sentinel.c and from the kit's watchdog that explain a role change. */
const EVENT =
  /[+-](?:switch-master|sdown|odown|elected-leader|failover\S*|tilt|reboot|promoted-slave|vote-for-leader|try-failover|convert-to-slave|config-update-from|slave-reconf\S*)\b/;

interface Collection {
  readonly request: IncidentRequest;
  readonly redact: Redact;
  readonly missing: string[];
}

export async function collectIncident(request: IncidentRequest): Promise<IncidentManifest> {
  const { environment, dir, metricsMinutes, progress = () => {}, signal } = request;
  const collection = { request, redact: redactor(request.passwords), missing: [] };
  const collectedAt = new Date().toISOString();
  write(collection, 'environment.json', json(withoutWebhook(environment.topology.environment)));
  progress('roles');
  await attempt(collection, 'roles', () => collectRoles(collection));
  for (const node of nodesOf(environment.topology)) {
    signal?.throwIfAborted();
    progress(node.id);
    await collectNode(collection, node.id);
  }
  progress('logs');
  collectLogs(collection);
  progress('metrics');
  await collectMetrics(collection);
  return sealIncident(dir, {
    environment: environment.name,
    substrate: environment.substrate,
    collectedAt,
    metricsMinutes,
    missing: collection.missing,
  });
}

async function collectRoles(collection: Collection): Promise<void> {
  const { environment } = collection.request;
  const [nodes, master] = await Promise.all([environment.status(), environment.masterId()]);
  const shards = await environment.cluster?.shards().catch(() => undefined);
  write(collection, 'roles.json', json({ master: master ?? null, nodes, ...(shards && { shards }) }));
}

async function collectNode(collection: Collection, id: string): Promise<void> {
  const { environment } = collection.request;
  const { topology } = environment;
  const node = nodesOf(topology).find((each) => each.id === id);
  if (node === undefined) return;
  await attempt(collection, id, async () => {
    const redis = await environment.admin(id);
    // If the first query got no reply, the others would only time out.
    await awaitPing(redis);
    for (const { file, run } of queriesOf(node, topology.environment.topology.serviceName)) {
      await attempt(collection, `${id}/${file}`, async () =>
        write(collection, join('nodes', id, file), await run(redis)),
      );
    }
  });
}

function collectLogs(collection: Collection): void {
  const events: string[] = [];
  for (const [id, path] of collection.request.environment.logs) {
    try {
      const text = readTail(path);
      write(collection, join('logs', `${id}.log`), text);
      const own = text.split('\n').filter((line) => EVENT.test(line));
      events.push(...own.map((line) => `${id}: ${line}`));
    } catch (error) {
      collection.missing.push(`logs/${id}.log: ${wordsOf(error)}`);
    }
  }
  write(collection, 'events.txt', `${events.join('\n')}\n`);
}

function readTail(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, MAX_LOG_BYTES);
    const buffer = Buffer.alloc(length);
    readSync(file, buffer, 0, length, size - length);
    return buffer.toString();
  } finally {
    closeSync(file);
  }
}

async function collectMetrics(collection: Collection): Promise<void> {
  const { environment, metricsMinutes } = collection.request;
  const base = environment.access?.prometheus;
  if (base === undefined) {
    const { prometheus } = environment.topology.environment.observability;
    const why = prometheus ? 'Prometheus runs on another host' : 'observability.prometheus is false';
    collection.missing.push(`metrics: ${why}`);
    return;
  }
  const window = encodeURIComponent(`{environment="${environment.name}"}[${metricsMinutes}m]`);
  const parts = { metrics: `query?query=${window}`, alerts: 'alerts', rules: 'rules' };
  for (const [name, path] of Object.entries(parts)) {
    await attempt(collection, name, async () => {
      const timeout = AbortSignal.timeout(PROMETHEUS_TIMEOUT_MS);
      const { signal: interrupted } = collection.request;
      const signal = interrupted === undefined ? timeout : AbortSignal.any([timeout, interrupted]);
      const response = await fetch(`${base}/api/v1/${path}`, { signal });
      if (!response.ok) throw new Error(`Prometheus replied with HTTP status ${response.status}`);
      write(collection, join('metrics', `${name}.json`), await response.text());
    });
  }
}

async function attempt(collection: Collection, what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    collection.request.signal?.throwIfAborted();
    collection.missing.push(`${what}: ${wordsOf(error)}`);
  }
}

function write({ request, redact }: Collection, path: string, text: string): void {
  writePrivate(join(request.dir, path), redact(text));
}

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
