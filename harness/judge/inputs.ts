/**
 * Reads the inputs for judging from the run folder (configuration, gates, drills; all required) and checks them against
 * the manifest. A pure function of the evidence.
 */
import { type Gates, parseGates } from '../../config/gates.ts';
import { type EnvironmentConfig, environmentSchema } from '../../config/schema.ts';
import type { DrillText } from '../assembly/trial-view.ts';
import type { Checker } from '../checkers/checker.ts';
import { joinFew, shorten } from '../evidence/excerpt.ts';
import { currentFault } from '../evidence/former-schema.ts';
import { MAX_FAULT_EVENTS, MAX_GATES } from '../evidence/limits.ts';
import type { Manifest } from '../evidence/manifest.ts';
import type { Evidence } from '../evidence/open.ts';
import { CONFIG, DRILLS, GATES, MANIFEST, REQUIRED } from '../evidence/run-folder.ts';
import { pickShape, type Shape, shapeProblem } from '../evidence/shape.ts';
import type { LoadedExtension } from '../extension/extension.ts';
import { extensionCheckers } from './extensions.ts';

/** Inputs for judging. An input is undefined if its file is missing or cannot be read. */
export interface Inputs {
  readonly environment: EnvironmentConfig | undefined;
  readonly gates: Gates | undefined;
  /** Drills by id. */
  readonly drills: ReadonlyMap<string, DrillText> | undefined;
  /** Drills that are defined in `drills.json` but have no trial in the manifest. */
  readonly withoutTrial: readonly string[];
  /** Descriptions of files that cannot be read and of contradictory statements. */
  readonly flaws: readonly string[];
  /** Reasons why no criterion of the run can be trusted; empty if there are none. */
  readonly tainted: readonly string[];
  /** Checkers from the run's extension modules, for the modules that were passed. */
  readonly checkers: readonly Checker[];
}

export function readInputs(evidence: Evidence, extensions: readonly LoadedExtension[] = []): Inputs {
  const { manifest, integrity } = evidence;
  const unread: string[] = [];
  const parseInput = <T>(path: string, parse: (text: string) => T): T | undefined => {
    try {
      const text = evidence.read(path);
      return text === undefined ? undefined : parse(text);
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      unread.push(`${path} cannot be read: ${shorten(why, 200)}`);
      return undefined;
    }
  };
  const environment = parseInput(CONFIG, (text) => environmentSchema.parse(JSON.parse(text)));
  const gates = parseInput(GATES, boundedGates);
  const drills = parseInput(DRILLS, parseDrills);
  const contradictions = environment === undefined ? [] : otherEnvironment(manifest, environment);
  return {
    environment,
    gates,
    drills,
    checkers: extensionCheckers(evidence.manifest, extensions),
    withoutTrial: drills === undefined ? [] : drillsWithoutTrial(manifest, drills),
    flaws: [...unread, ...contradictions, ...(drills === undefined ? [] : undefinedDrills(manifest, drills))],
    tainted: [
      ...REQUIRED.filter((path) => integrity.altered.includes(path) || integrity.unsealed.includes(path)).map(
        (path) => `${path} differs from the sealed file: no result that depends on it can be trusted`,
      ),
      ...contradictions,
    ],
  };
}

function boundedGates(text: string): Gates {
  const gates = parseGates(text, GATES);
  const most = Math.max(gates.gates.length, gates.waivers.length);
  if (most > MAX_GATES) throw new Error(`${most} gates or waivers; at most ${MAX_GATES} are allowed`);
  return gates;
}

function otherEnvironment({ environment }: Manifest, { name }: EnvironmentConfig): readonly string[] {
  return environment === name
    ? []
    : [`${MANIFEST} names the environment '${environment}', ${CONFIG} names '${name}'`];
}

function undefinedDrills({ trials }: Manifest, drills: ReadonlyMap<string, DrillText>): readonly string[] {
  const unknown = [...new Set(trials.map(({ drill }) => drill))].filter((drill) => !drills.has(drill));
  return unknown.length === 0 ? [] : [`${DRILLS} does not define ${joinFew(unknown)}`];
}

function drillsWithoutTrial({ trials }: Manifest, drills: ReadonlyMap<string, DrillText>): readonly string[] {
  const run = new Set(trials.map(({ drill }) => drill));
  return [...drills.keys()].filter((drill) => !run.has(drill));
}

const NAME: Shape = { pattern: /^[a-z0-9][a-z0-9-]{0,127}$/, what: 'lower-case letters, digits and dashes' };
const NAMES: Shape = { listOf: 'string', maxItems: 1_000 };

const EXTERNAL_SHAPE: Shape = { optional: { fields: { except: { optional: NAMES } } } };

/** Fields of a drill's definition that judging and the reports use. */
const DRILLS_SHAPE: Shape = {
  listOf: {
    fields: {
      id: NAME,
      title: 'string',
      family: { oneOf: ['integration', 'failover', 'load', 'capacity'] },
      safeOutcome: 'string',
      operations: { optional: NAMES },
      expectations: { optional: NAMES },
      timed: { optional: NAMES },
      neededFailovers: { optional: { integer: [0, 100] } },
      faults: { optional: { listOf: { fields: { fault: NAME } }, maxItems: MAX_FAULT_EVENTS } },
      external: EXTERNAL_SHAPE,
      attached: EXTERNAL_SHAPE,
    },
  },
  maxItems: 1_000,
};

/** Returns a scheduled fault with its current id. */
function withCurrentId<T extends { readonly fault: string }>(scheduled: T): T {
  return { ...scheduled, fault: currentFault(scheduled.fault) };
}

function parseDrills(text: string): ReadonlyMap<string, DrillText> {
  const value: unknown = JSON.parse(text);
  const problem = shapeProblem(value, DRILLS_SHAPE);
  if (problem !== undefined) throw new Error(problem);
  const recorded = pickShape(value, DRILLS_SHAPE) as readonly (DrillText & {
    attached?: DrillText['external'];
  })[];
  // `attached` is the previous name of the field.
  const drills = recorded.map(({ attached, external = attached, faults, ...drill }) => ({
    ...drill,
    ...(external !== undefined && { external }),
    ...(faults !== undefined && { faults: faults.map(withCurrentId) }),
  }));
  const byId = new Map(drills.map((drill) => [drill.id, drill]));
  if (byId.size < drills.length) throw new Error('a drill is defined twice');
  for (const { id, family, expectations = [], operations = [], faults = [] } of drills) {
    // Only declared expectations can be missing: without declarations, a script that ends early would pass.
    if (family === 'integration' && expectations.length === 0) {
      throw new Error(`the drill ${id} names no expectations`);
    }
    // A capacity drill records its operations as histograms, and the gates use figures from these histograms.
    if (family !== 'integration' && family !== 'capacity' && operations.length === 0) {
      throw new Error(`the drill ${id} names no operations`);
    }
    if (family === 'failover' && faults.length === 0) throw new Error(`the drill ${id} names no faults`);
  }
  return byId;
}
