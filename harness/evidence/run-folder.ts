/**
 * Writes a run folder. Life of one:
 *
 *   1. `createRunFolder`   a new folder with a manifest marked `incomplete`, which a killed kit leaves behind
 *   2. `writeConfig`, `writeGates`, `writeDrills`, `addInput`   the inputs of judging
 *   3. trials stream their histories into `trials/`; `sink` stores the output of outside programs
 *   4. `collectLogs`       the nodes' own logs
 *   5. `seal`              the final manifest with the digests of judged files, then the seal with those of all files
 *
 * A folder without a seal, or whose manifest says `incomplete`, is never a GO.
 */
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KitError } from '../../config/errors.ts';
import { canonicalJson } from './canonical-json.ts';
import { withDigests } from './digests.ts';
import { digestFile, digestText, filesBelow, notWritten, writeAtomically } from './files.ts';
import type { Manifest, Seal } from './manifest.ts';

export const MANIFEST = 'manifest.json';
export const CONFIG = 'config.json';
export const GATES = 'gates.json';
export const DRILLS = 'drills.json';
export const SEAL = 'seal.json';
/** Inputs without which nothing can be judged. */
export const REQUIRED = [MANIFEST, CONFIG, GATES, DRILLS] as const;
/** Folder of logs: kept for readers, never judged. */
export const LOGS = 'logs';
/** Outside programs: command, exit code and output of each, a line of JSON. */
export const PROGRAMS = `${LOGS}/programs.jsonl`;
/** Names of the inputs of a run besides its configuration. */
export const INPUTS = {
  coverage: 'inputs/coverage.json',
  /** Commit of the summary; the tests write it next to the summary. */
  coverageCommit: 'inputs/coverage-commit.json',
} as const;
export type InputName = keyof typeof INPUTS;

/** Value of `manifest.incomplete` that an interrupted run leaves behind. */
const UNFINISHED = 'the run did not come to its end';

/** Top-level files that are derived from the evidence and therefore not part of it. */
export function isDerived(path: string): boolean {
  return path === SEAL || (!path.includes('/') && /^(report\.|junit\.xml$|ctrf[-.])/.test(path));
}

/** Files with a digest in the manifest: all evidence except logs and the manifest itself. */
export function isJudged(path: string): boolean {
  return path !== MANIFEST && !path.startsWith(`${LOGS}/`) && !isDerived(path);
}

export interface RunFolder {
  /** Absolute. */
  readonly dir: string;
  /** Writes the resolved environment; returns its SHA-256 for `manifest.configSha256`. */
  writeConfig(environment: unknown): string;
  writeGates(gates: unknown): void;
  /** The drills as they were defined: titles and safe outcomes of a report come from here. */
  writeDrills(drills: readonly unknown[]): void;
  /** Copies a file that the run was given, such as the coverage summary. */
  addInput(name: InputName, file: string): void;
  /** Keeps one record of an outside program; hand it on as the sink of `infra/host/process.ts`. */
  sink(record: object): void;
  /** Copies the nodes' logs to `logs/<node>.log`; a node that never wrote one is left out. */
  collectLogs(logs: ReadonlyMap<string, string>): void;
  /** Writes the final manifest and seals the folder. Only derived reports may be written afterwards. */
  seal(manifest: Manifest): Seal;
  /** Writes a derived report, atomically. */
  writeReport(name: string, text: string): void;
}

/**
 * @param dir a folder that does not exist yet or is empty
 * @throws KitError RUN_FOLDER_NOT_EMPTY, EVIDENCE_NOT_WRITTEN
 */
export function createRunFolder(dir: string, manifest: Manifest): RunFolder {
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new KitError('the folder for the run is a file', {
      code: 'RUN_FOLDER_NOT_EMPTY',
      where: dir,
      hint: 'choose a new folder with --out',
    });
  }
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new KitError('the folder for the run is not empty; evidence of two runs must not mix', {
      code: 'RUN_FOLDER_NOT_EMPTY',
      where: dir,
      hint: 'choose a new folder with --out, or remove it',
    });
  }
  const write = (path: string, value: unknown) => {
    const text = canonicalJson(value);
    writeAtomically(join(dir, path), text);
    return digestText(text);
  };
  write(MANIFEST, { ...manifest, incomplete: UNFINISHED });
  return {
    dir,
    writeConfig: (environment) => write(CONFIG, environment),
    writeGates: (gates) => void write(GATES, gates),
    writeDrills: (drills) => void write(DRILLS, drills),
    addInput: (name, file) => copyInto(file, join(dir, INPUTS[name])),
    sink: (record) => appendLine(join(dir, PROGRAMS), record),
    collectLogs: (logs) => {
      for (const [node, file] of logs) {
        if (existsSync(file)) copyInto(file, join(dir, LOGS, `${basename(node)}.log`));
      }
    },
    seal: (final) => {
      const files = digestsBelow(dir).filter(({ path }) => path !== MANIFEST);
      const judged = files.filter(({ path }) => isJudged(path));
      write(MANIFEST, withDigests(final, judged));
      const own = { path: MANIFEST, ...digestFile(join(dir, MANIFEST)) };
      const seal: Seal = { schema: 'redis-cache-kit/seal/1', files: [...files, own].sort(byPath) };
      write(SEAL, seal);
      return seal;
    },
    writeReport: (name, text) => writeAtomically(join(dir, name), text),
  };
}

function digestsBelow(dir: string): Seal['files'] {
  return filesBelow(dir)
    .filter((path) => !isDerived(path))
    .map((path) => ({ path, ...digestFile(join(dir, path)) }));
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }) => (a.path < b.path ? -1 : 1);

function copyInto(from: string, to: string): void {
  try {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new KitError('no such file', {
        code: 'INPUT_NOT_FOUND',
        where: from,
        hint: 'give a path that exists',
        cause,
      });
    }
    throw notWritten(to, cause);
  }
}

function appendLine(path: string, record: object): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, `${JSON.stringify(record)}\n`);
  } catch (cause) {
    throw notWritten(path, cause);
  }
}
