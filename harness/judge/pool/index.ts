/**
 * Pools the trials of several runs: takes a folder of run folders and returns figures with bounds.
 *
 *   folder ─▶ runs like the given one ─▶ evidence unchanged? ─▶ trials of the same drills ─▶ figures
 *
 * Runs are alike if they have the same configuration, substrate, server, kit and deviations. Drills are alike if they
 * have the same definition, apart from faults that are drawn from a seed. A run that differs or whose evidence is
 * incomplete is left out and listed. Every history is judged again, so that nothing depends on a stored result.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { canonicalJson } from '../../evidence/canonical-json.ts';
import { digestText } from '../../evidence/digests.ts';
import type { Manifest } from '../../evidence/manifest.ts';
import { type Evidence, openEvidence } from '../../evidence/open.ts';
import { DRILLS, MANIFEST, pathExists } from '../../evidence/run-folder.ts';
import { readInputs } from '../inputs.ts';
import { ChangedFiles, judgeTrial } from '../trials.ts';
import { type PooledFigures, type PooledTrial, poolFigures } from './figures.ts';

export interface Pool extends PooledFigures {
  readonly schema: 'redis-cache-kit/pool/1';
  /** Digest of the configuration and the other facts that all runs of a pool share. */
  readonly key: string;
  readonly configSha256: string;
  readonly substrate: string;
  readonly server: string;
  /** Ids of the runs, in order. */
  readonly runs: readonly string[];
  readonly leftOut: readonly { readonly run: string; readonly reason: string }[];
}

/**
 * Pools the runs in the same folder that are like the given run.
 * @throws KitError EVIDENCE_UNREADABLE for that run itself
 */
export function poolRuns(dir: string): Pool {
  const own = openEvidence(dir);
  const key = keyOf(own.manifest);
  const definitions = definitionsOf(own);
  const trials: PooledTrial[] = [];
  const runs: string[] = [];
  const leftOut: { run: string; reason: string }[] = [];
  for (const run of runFolders(dirname(dir))) {
    const found = run === basename(dir) ? own : openOrReason(join(dirname(dir), run));
    const reason = typeof found === 'string' ? found : reasonToLeaveOut(found, key);
    if (typeof found === 'string' || reason !== undefined) {
      leftOut.push({ run, reason: reason ?? '' });
      continue;
    }
    const ofRun = trialsOf(found, definitions);
    if (ofRun.length === 0) {
      leftOut.push({ run, reason: 'no completed trial of the same drills' });
      continue;
    }
    for (const { drill, trial, status, reason: cause } of found.manifest.trials)
      if (status !== 'completed' && definitions.has(drill))
        leftOut.push({
          run,
          reason: `${drill} #${trial} was ${status.replaceAll('-', ' ')}: ${cause ?? 'no reason given'}`,
        });
    runs.push(found.manifest.runId);
    trials.push(...ofRun);
  }
  const { configSha256, substrate } = own.manifest;
  return {
    schema: 'redis-cache-kit/pool/1',
    ...{ key, configSha256, substrate, server: serverOf(own.manifest), runs, leftOut },
    ...poolFigures(trials),
  };
}

function runFolders(parent: string): readonly string[] {
  const entries = readdirSync(parent, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && pathExists(join(parent, entry.name, MANIFEST)))
    .map(({ name }) => name)
    .sort();
}

function openOrReason(dir: string): Evidence | string {
  try {
    return openEvidence(dir);
  } catch (error) {
    if (error instanceof KitError) return error.message;
    throw error;
  }
}

function reasonToLeaveOut({ manifest, seal, integrity }: Evidence, key: string): string | undefined {
  if (manifest.incomplete !== undefined) return manifest.incomplete;
  if (seal === undefined) return 'the run has no seal';
  const flaws = [...integrity.missing, ...integrity.altered, ...integrity.unsealed];
  if (flaws.length > 0) return `its evidence differs from the seal: ${flaws.slice(0, 3).join(', ')}`;
  return keyOf(manifest) === key ? undefined : 'different configuration, substrate, server, kit or client';
}

function serverOf({ provenance }: Manifest): string {
  return provenance['redis-server'] ?? 'unknown';
}

function keyOf(manifest: Manifest): string {
  const { configSha256, substrate, kitVersion, commit, profile, deviations } = manifest;
  return digestText(
    canonicalJson({
      ...{ configSha256, substrate, kitVersion, commit, profile, deviations },
      server: serverOf(manifest),
    }),
  );
}

/**
 * Returns the digest of each drill's definition. The drill that spans a run is left out, because it has no figures per
 * trial.
 */
function definitionsOf(evidence: Evidence): ReadonlyMap<string, string> {
  const text = evidence.read(DRILLS);
  const drills = (text === undefined ? [] : JSON.parse(text)) as readonly {
    readonly id: string;
    readonly spansRun?: boolean;
    readonly faults?: readonly { readonly round?: number }[];
  }[];
  return new Map(
    drills
      .filter(({ spansRun }) => spansRun !== true)
      .map(({ faults = [], ...drill }) => {
        const fixed = faults.filter(({ round }) => round === undefined);
        return [drill.id, digestText(canonicalJson({ ...drill, faults: fixed }))];
      }),
  );
}

function trialsOf(evidence: Evidence, wanted: ReadonlyMap<string, string>): readonly PooledTrial[] {
  const inputs = readInputs(evidence);
  const machine = inputs.gates?.machine;
  if (machine === undefined || inputs.flaws.length + inputs.tainted.length > 0) return [];
  const definitions = definitionsOf(evidence);
  const unsound = new ChangedFiles(evidence);
  return evidence.manifest.trials.flatMap((record) => {
    const { drill } = record;
    const definition = definitions.get(drill);
    const isWanted = definition !== undefined && definition === wanted.get(drill);
    if (record.status !== 'completed' || !isWanted) return [];
    const { results, gaps = [] } = judgeTrial(evidence, inputs, unsound, record);
    return gaps.length > 0 ? [] : [{ drill, results, machine }];
  });
}
