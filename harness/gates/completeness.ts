/**
 * The only criterion that no file can remove: whether the evidence is complete and has not changed since it was sealed.
 * The criterion comes before all others, is in scope in every run, and cannot be waived.
 */
import { joinFew, shorten } from '../evidence/excerpt.ts';
import type { Manifest } from '../evidence/manifest.ts';
import type { Integrity } from '../evidence/open.ts';
import type { Criterion, EvidenceRef } from './gate.ts';
import { RUN_AGAIN, SOUND_COPY } from './remedies.ts';

export const EVIDENCE_COMPLETE = 'evidence-complete';

export interface Completeness {
  readonly integrity: Integrity;
  readonly sealed: boolean;
  /** Number of files in the seal. */
  readonly files: number;
  /** Value of `manifest.incomplete`. */
  readonly incomplete: string | undefined;
  /** Descriptions of drills that were requested by name and have no completed trial. */
  readonly unmeasured: readonly string[];
  /** Descriptions of histories that were cut off or cannot be parsed. */
  readonly flaws: readonly string[];
  readonly seal: EvidenceRef | undefined;
}

export function evidenceComplete(found: Completeness): Criterion {
  const { missing, altered } = found.integrity;
  const invalid = [
    ...(found.sealed ? [] : ['the folder has no seal: changes cannot be detected']),
    ...(altered.length > 0 ? [`differs from the seal: ${joinFew(altered)}`] : []),
    ...listFlaws(found.flaws),
  ];
  const absent = [
    ...(missing.length > 0 ? [`missing: ${joinFew(missing)}`] : []),
    ...(found.incomplete === undefined ? [] : [found.incomplete]),
    ...listFlaws(found.unmeasured),
  ];
  const state = invalid.length > 0 ? 'INVALID' : absent.length > 0 ? 'NOT_MEASURED' : 'PASS';
  return {
    id: EVIDENCE_COMPLETE,
    title: 'The evidence is complete and matches the seal',
    source: 'C5',
    state,
    reason:
      state === 'PASS'
        ? `${found.files} of ${found.files} files match the seal`
        : [...invalid, ...absent].join('; '),
    remedy: invalid.length + missing.length > 0 ? SOUND_COPY : RUN_AGAIN,
    scope: {
      environments: ['all'],
      substrates: ['all'],
      profiles: ['all'],
      workload: 'run',
      sli: 'files that are missing or differ from the seal',
    },
    target: { op: '==', value: 0 },
    unit: 'files',
    measured: found.sealed ? missing.length + altered.length : null,
    n: found.files,
    minN: 1,
    bound: null,
    evidence: found.seal === undefined ? [] : [found.seal],
  };
}

const MAX_LISTED = 10;

/** Returns only the first flaws, because a run of 200 trials may have 200 of them. */
function listFlaws(flaws: readonly string[]): readonly string[] {
  const shown = flaws.slice(0, MAX_LISTED).map((flaw) => shorten(flaw, 500));
  return flaws.length > MAX_LISTED ? [...shown, `and ${flaws.length - MAX_LISTED} more`] : shown;
}

/**
 * Describes the requested drills without a result. A drill requested by name must have a result, even if no gate
 * applies to it in this environment. A readiness run requests all drills, and its gates decide which ones count.
 */
export function unmeasuredDrills({ kind, trials }: Manifest): readonly string[] {
  if (kind === 'readiness') return [];
  const measured = new Set(trials.filter(({ status }) => status === 'completed').map(({ drill }) => drill));
  const reasons = new Map(
    trials.filter(({ drill }) => !measured.has(drill)).map(({ drill, reason }) => [drill, reason]),
  );
  return [...reasons].map(
    ([drill, reason]) => `${drill} was not measured${reason === undefined ? '' : `: ${reason}`}`,
  );
}
