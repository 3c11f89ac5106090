/**
 * Whether manifest, seal and folder are consistent: every judged file is sealed, and every sealed file is an input to
 * the judge, a log, or the history of exactly one trial. Pure.
 *
 * Anyone who edits a folder can seal it again, so matching hashes alone prove little: a bad trial could be left out of
 * the manifest with its history still in the folder, and a good one listed twice.
 */
import { joinFew } from './excerpt.ts';
import type { Manifest, Seal, TrialRecord } from './manifest.ts';
import { INPUTS, LOGS, REQUIRED } from './run-folder.ts';

export interface Accounting {
  /** Descriptions of the inconsistencies; empty if there are none. */
  readonly flaws: readonly string[];
  /** Reason why a trial is not judged even if its files match the seal. */
  readonly distrusted: ReadonlyMap<TrialRecord, string>;
}

type SealedFile = Seal['files'][number];

/** Checks the folder. @param seal undefined if nothing is sealed: then only the trials in the manifest are checked */
export function accountFor({ trials, digests }: Manifest, seal: Seal | undefined): Accounting {
  const sealed = seal?.files ?? [];
  const named = new Set(trials.flatMap(({ files }) => files));
  const distrusted = distrustedTrials(trials, new Map(sealed.map((file) => [file.path, file])));
  return {
    flaws: [
      ...(seal === undefined ? [] : unsealedFlaws(sealed, trials)),
      ...(seal === undefined || digests !== undefined ? [] : [NO_DIGESTS]),
      ...unaccountedFlaws(sealed, named),
      ...findDuplicates(sealed.map(({ path }) => path)).map((path) => `the seal names ${path} twice`),
      ...[...distrusted].map(([record, reason]) => `${nameOf(record)} ${reason}`),
      ...findGaps(trials),
    ],
    distrusted,
  };
}

const NO_DIGESTS =
  'the manifest has no digests: another version of the kit recorded the run, or they were removed';

function nameOf({ drill, trial }: Pick<TrialRecord, 'drill' | 'trial'>): string {
  return `${drill} #${trial}`;
}

function unsealedFlaws(sealed: readonly SealedFile[], trials: readonly TrialRecord[]): readonly string[] {
  const paths = new Set(sealed.map(({ path }) => path));
  const histories = trials.flatMap(({ files }) => files);
  const missing = [...new Set([...REQUIRED, ...histories])].filter((path) => !paths.has(path));
  return missing.length === 0 ? [] : [`not in the seal: ${joinFew(missing)}`];
}

function unaccountedFlaws(sealed: readonly SealedFile[], named: ReadonlySet<string>): readonly string[] {
  const known = new Set<string>([...REQUIRED, ...Object.values(INPUTS), ...named]);
  const strays = sealed
    .map(({ path }) => path)
    .filter((path) => !known.has(path) && !path.startsWith(`${LOGS}/`));
  const histories = strays.filter((path) => path.startsWith('trials/'));
  const others = strays.filter((path) => !path.startsWith('trials/'));
  return [
    ...(histories.length > 0
      ? [`sealed, but not part of a trial of the manifest: ${joinFew(histories)}`]
      : []),
    ...(others.length > 0 ? [`sealed, but not part of a run: ${joinFew(others)}`] : []),
  ];
}

function distrustedTrials(
  trials: readonly TrialRecord[],
  sealed: ReadonlyMap<string, SealedFile>,
): ReadonlyMap<TrialRecord, string> {
  const listedTwice = new Set(findDuplicates(trials.map(nameOf)));
  const sharedPaths = new Set(findDuplicates(trials.flatMap(({ files }) => files)));
  // An empty history has no content to be counted twice.
  const contents = trials.flatMap(({ files }) => contentOf(files, sealed));
  const sharedContents = new Set(findDuplicates(contents));
  const reasonOf = (record: TrialRecord): string | undefined => {
    const { drill, trial, clients, files, startedUs, endedUs } = record;
    if (listedTwice.has(nameOf(record))) return 'is listed twice in the manifest';
    const shared = files.find((path) => sharedPaths.has(path));
    if (shared !== undefined) return `shares ${shared} with another trial, or names it twice`;
    const foreign = files.find((path) => !path.startsWith(`trials/${drill}-${trial}/`));
    if (foreign !== undefined) return `names ${foreign}, which is outside trials/${drill}-${trial}/`;
    const copied = contentOf(files, sealed).some((sha256) => sharedContents.has(sha256));
    if (copied) return 'has the same history as another trial';
    if (new Set(clients).size < clients.length) return `names a client twice: ${clients.join(', ')}`;
    return startedUs > endedUs ? `ends at ${endedUs} us, before its start at ${startedUs} us` : undefined;
  };
  return new Map(
    trials.flatMap((record) => {
      const reason = reasonOf(record);
      return reason === undefined ? [] : [[record, reason] as const];
    }),
  );
}

function contentOf(files: readonly string[], sealed: ReadonlyMap<string, SealedFile>): readonly string[] {
  return files.flatMap((path) => {
    const file = sealed.get(path);
    return file === undefined || file.bytes === 0 ? [] : [file.sha256];
  });
}

/**
 * Returns descriptions of removed trials: trials of a drill are numbered from 1 without gaps, so a missing number is a
 * removed trial.
 */
function findGaps(trials: readonly TrialRecord[]): readonly string[] {
  const byDrill = Map.groupBy(trials, ({ drill }) => drill);
  return [...byDrill].flatMap(([drill, records]) => {
    const numbers = new Set(records.map(({ trial }) => trial));
    const last = records.reduce((most, { trial }) => Math.max(most, trial), 0);
    if (numbers.size === last) return [];
    const first = Array.from({ length: numbers.size + 1 }, (_, i) => i + 1).find((n) => !numbers.has(n));
    return [`${drill} #${first} is not in the manifest, although ${drill} #${last} is`];
  });
}

function findDuplicates(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return [...twice];
}
