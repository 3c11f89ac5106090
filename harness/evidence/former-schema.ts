/**
 * Translates evidence with manifest schema 1 to the current schema. Pure.
 *
 * Schema 1 called the deviations `departures` and the fault `drop-replies` `mute`. The digests of such a run apply to
 * the original text of the manifest, so the manifest is checked first and translated afterwards.
 */
import type { Manifest } from './manifest.ts';

export const FORMER_MANIFEST_SCHEMA = 'redis-cache-kit/run/1';
/** Report schemas of previous versions: only their decisions and figures are compared. */
export const FORMER_REPORT_SCHEMAS: readonly string[] = [
  'redis-cache-kit/report/1',
  'redis-cache-kit/report/2',
];

/** A manifest of schema 1. */
export interface FormerManifest extends Omit<Manifest, 'schema' | 'deviations'> {
  readonly schema: typeof FORMER_MANIFEST_SCHEMA;
  readonly departures: readonly string[];
}

/** A manifest as stored in a run folder. */
export type RecordedManifest = Manifest | FormerManifest;

export function currentManifest(recorded: RecordedManifest): Manifest {
  if (recorded.schema !== FORMER_MANIFEST_SCHEMA) return recorded;
  const { departures, ...unchanged } = recorded;
  return { ...unchanged, schema: 'redis-cache-kit/run/2', deviations: departures };
}

const FORMER_FAULTS: Readonly<Record<string, string>> = { mute: 'drop-replies' };

/**
 * Returns the current id of a fault. No current id equals the previous id of another fault, so the schema of the run
 * does not matter.
 */
export function currentFault(id: string): string {
  return Object.hasOwn(FORMER_FAULTS, id) ? (FORMER_FAULTS[id] as string) : id;
}
