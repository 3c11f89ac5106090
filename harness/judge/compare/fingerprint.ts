/**
 * Facts that two runs must share so that a difference between their figures can be attributed to the subject: servers
 * and images, configuration, drills, kit, machine. Pure.
 */
import { canonicalJson } from '../../evidence/canonical-json.ts';
import { digestText } from '../../evidence/digests.ts';
import type { Manifest } from '../../evidence/manifest.ts';

export interface Difference {
  /** Name of the fact, such as `kernel`, `redis-server` or `drill steady`. */
  readonly fact: string;
  readonly baseline: string;
  readonly run: string;
}

export interface Fingerprinted {
  readonly manifest: Manifest;
  /** Text of `drills.json`; undefined if it is missing. */
  readonly drills: string | undefined;
}

/** Returns the differences between two runs, in the order of the facts; empty if the runs are comparable. */
export function fingerprintDifferences(baseline: Fingerprinted, run: Fingerprinted): readonly Difference[] {
  const [before, after] = [factsOf(baseline), factsOf(run)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const facts = names.flatMap((fact) => differenceOf(fact, before.get(fact), after.get(fact)));
  const [drillsBefore, drillsAfter] = [drillDigests(baseline.drills), drillDigests(run.drills)];
  // Criteria of a drill that ran in only one of the runs are not compared.
  const drills = [...drillsBefore].flatMap(([id, digest]) =>
    drillsAfter.has(id) ? differenceOf(`drill ${id}`, digest, drillsAfter.get(id)) : [],
  );
  return [...facts, ...drills];
}

function differenceOf(fact: string, baseline = 'none', run = 'none'): readonly Difference[] {
  return baseline === run ? [] : [{ fact, baseline, run }];
}

function factsOf({ manifest }: Fingerprinted): ReadonlyMap<string, string> {
  const { kitVersion, commit, substrate, profile, configSha256, machine, provenance, deviations } = manifest;
  const { extensions = [] } = manifest;
  return new Map([
    ['kit version', kitVersion],
    ['kit commit', commit ?? 'none'],
    ['substrate', substrate],
    ['profile', profile],
    ['configuration', configSha256.slice(0, 12)],
    ['kernel', machine.kernel],
    ['CPU', machine.cpu],
    ['cores', String(machine.cores)],
    ['memory', `${machine.memoryBytes} bytes`],
    ['deviations', deviations.length === 0 ? 'none' : digestText(canonicalJson(deviations)).slice(0, 12)],
    ...extensions.map(({ name, sha256 }): [string, string] => [`extension ${name}`, sha256.slice(0, 12)]),
    ...Object.entries(provenance).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** Returns the digest of each drill's definition, excluding the faults drawn from a seed. */
function drillDigests(text: string | undefined): ReadonlyMap<string, string> {
  const drills = (text === undefined ? [] : JSON.parse(text)) as readonly {
    readonly id: string;
    readonly faults?: readonly { readonly round?: number }[];
  }[];
  return new Map(
    drills.map(({ faults = [], ...drill }) => {
      const fixed = faults.filter(({ round }) => round === undefined);
      return [drill.id, digestText(canonicalJson({ ...drill, faults: fixed })).slice(0, 12)];
    }),
  );
}
