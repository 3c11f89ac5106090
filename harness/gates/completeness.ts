/**
 * The one criterion that no file can leave out: is the evidence whole, and is it what was sealed? It stands before all
 * others, is in scope of every run, and cannot be waived.
 */
import type { Integrity } from '../evidence/open.ts';
import type { Criterion, EvidenceRef } from './gate.ts';

export const EVIDENCE_COMPLETE = 'evidence-complete';

export interface Completeness {
  readonly integrity: Integrity;
  readonly sealed: boolean;
  /** How many files the seal names. */
  readonly files: number;
  /** `manifest.incomplete`. */
  readonly incomplete: string | undefined;
  /** Histories that were cut off or cannot be parsed, in words. */
  readonly flaws: readonly string[];
  readonly seal: EvidenceRef | undefined;
}

export function evidenceComplete(found: Completeness): Criterion {
  const { missing, altered } = found.integrity;
  const invalid = [
    ...(found.sealed ? [] : ['the folder has no seal: nothing shows that it is what was recorded']),
    ...(altered.length > 0 ? [`differs from the seal: ${altered.join(', ')}`] : []),
    ...found.flaws,
  ];
  const absent = [
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(found.incomplete === undefined ? [] : [found.incomplete]),
  ];
  const state = invalid.length > 0 ? 'INVALID' : absent.length > 0 ? 'NOT_MEASURED' : 'PASS';
  return {
    id: EVIDENCE_COMPLETE,
    title: 'The evidence is whole and is what was sealed',
    source: 'C5',
    state,
    because:
      state === 'PASS'
        ? `${found.files} of ${found.files} files as sealed`
        : [...invalid, ...absent].join('; '),
    remedy:
      'Judge an unchanged copy of the run folder, or run again: what was lost or changed cannot be measured later.',
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
