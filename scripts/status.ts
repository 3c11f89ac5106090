import type { Command } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { environmentNames, loadEnvironment } from '../config/load.ts';
import { OWN_SUBSTRATE_NAMES, type OwnSubstrateName, substrateOf } from '../infra/substrates/registry.ts';
import type { FoundEnvironment } from '../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../infra/topology.ts';
import { environmentText, environmentView } from './environment-view.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/** Long enough for a sentinel that is just receiving a change; `kit status` does not wait for anything else. */
const SETTLE_MS = 1_000;

type StatusOptions = Omit<common.EnvironmentOptions, 'substrate'> & { readonly substrate?: OwnSubstrateName };

/** `kit status`: shows the running nodes. Exits with 0 if all of them run and agree, else with 1. */
export function status(program: Command, session: Session): void {
  program
    .command('status')
    .summary('what runs, where, and who is master')
    .description(
      'Shows the nodes of an environment as it was started, and what differs from its configuration of today.\nExit 0: all run, one is master, the others follow it; 1: not so.',
    )
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .addOption(common.json())
    .addHelpText('after', examples(['kit status', 'dev'], ['kit status --json | jq .nodes', 'for programs']))
    .action(async (options: StatusOptions) => {
      const asked = requestedEnvironment(options);
      const { found, notes } = await findAnywhere(options.substrate, asked);
      const differences = asked.problem === undefined ? [] : [`configuration: ${asked.problem}`];
      if (found === undefined) {
        session.exitCode = EXIT.NO_GO;
        const view = {
          environment: asked.name,
          running: false,
          nodes: [],
          notes: [...notes, ...differences],
        };
        printResult(session, view, [`${asked.name}: not running`, ...view.notes].join('\n'));
        return;
      }
      const { environment } = found;
      try {
        const all = { ...found, differences: [...differences, ...found.differences] };
        const view = await environmentView(all, SETTLE_MS);
        session.exitCode = view.healthy ? EXIT.GO : EXIT.NO_GO;
        printResult(session, view, environmentText(view));
      } finally {
        await environment[Symbol.asyncDispose]();
      }
    });
}

interface Asked {
  readonly name: string;
  readonly topology: Topology | undefined;
  /** Why the current configuration cannot be read. */
  readonly problem?: string;
}

/** Reads the current configuration. An environment of the kit is found by its name even if its file is invalid now. */
function requestedEnvironment({ env, set }: StatusOptions): Asked {
  try {
    const config = loadEnvironment(env, set);
    return { name: config.name, topology: planTopology(config) };
  } catch (error) {
    if (!(error instanceof KitError) || !environmentNames().includes(env)) throw error;
    const where = error.where === undefined ? '' : `${error.where}: `;
    return { name: env, topology: undefined, problem: `${where}${error.message}` };
  }
}

/**
 * Searches the named substrate, else each one in order. A missing engine, or an environment of another checkout,
 * becomes a note.
 */
async function findAnywhere(
  named: OwnSubstrateName | undefined,
  { name, topology }: Asked,
): Promise<{ readonly found?: FoundEnvironment; readonly notes: readonly string[] }> {
  if (named !== undefined) return { ...(await findOn(named, name, topology)), notes: [] };
  const notes: string[] = [];
  for (const substrate of OWN_SUBSTRATE_NAMES) {
    try {
      const { found } = await findOn(substrate, name, topology);
      if (found !== undefined) return { found, notes };
    } catch (error) {
      // The local substrate has no requirements, so its error is final; Docker may not be installed here.
      if (!(error instanceof KitError) || substrate === 'local') throw error;
      const isForeign = error.code === 'ENVIRONMENT_FOREIGN';
      if (!isForeign && !/^(DOCKER|PROGRAM)_/.test(error.code)) throw error;
      notes.push(`${substrate}: ${isForeign ? '' : 'cannot be asked: '}${error.message}`);
    }
  }
  return { notes };
}

async function findOn(
  substrate: OwnSubstrateName,
  name: string,
  topology: Topology | undefined,
): Promise<{ readonly found?: FoundEnvironment }> {
  const found = await (await substrateOf(substrate, { stateDir: stateDir() })).find(name, topology);
  return found === undefined ? {} : { found };
}
