import type { Command } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { loadEnvironment } from '../config/load.ts';
import { lockEnvironment, type SubstrateName, substrateOf } from '../infra/substrates/registry.ts';
import type { ApplyOptions } from '../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../infra/topology.ts';
import { type AdoptOption, adopt, adoptionOf } from './adopt.ts';
import { environmentText, environmentView } from './environment-view.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/**
 * Time, in ms, for the sentinels to detect all nodes: they exchange hello messages every 2 s, and detect a replica with
 * their next INFO, which they send every 10 s.
 */
const SETTLE_MS = 15_000;

/** `kit up`: starts an environment that runs until `kit down`. */
export function up(program: Command, session: Session): void {
  program
    .command('up')
    .summary('start an environment and leave it running')
    .description(
      'Start an environment and wait until it is healthy. Changes nothing if it is already running.',
    )
    .addOption(common.environment())
    .addOption(common.substrate())
    .addOption(common.set())
    .addOption(adopt())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(['kit up', 'start dev'], ['kit up --env production', 'with TLS and ACL users']),
    )
    .action(async (options: common.EnvironmentOptions & { readonly adopt?: AdoptOption }) => {
      const adoption = adoptionOf(options.adopt, options.substrate, session);
      const topology = planTopology(loadEnvironment(options.env, options.set));
      const held = await lockEnvironment(options.substrate, topology.environment.name, stateDir());
      try {
        await bringUp(session, options.substrate, topology, { adopt: adoption });
      } finally {
        held[Symbol.dispose]();
      }
    });
}

export async function bringUp(
  session: Session,
  name: SubstrateName,
  topology: Topology,
  options: Pick<ApplyOptions, 'adopt' | 'recoverFrom'>,
): Promise<void> {
  const substrate = await substrateOf(name, { stateDir: stateDir() });
  const environment = await substrate.apply(topology, {
    ephemeral: false,
    progress: (line) => session.terminal.progress(line),
    signal: session.signal,
    ...options,
  });
  try {
    const found = { environment, differences: [], hasCredentials: true };
    const view = await unlessInterrupted(environmentView(found, SETTLE_MS), session, topology, name);
    session.exitCode = view.healthy ? EXIT.GO : EXIT.NO_GO;
    printResult(session, view, environmentText(view));
  } finally {
    await environment[Symbol.asyncDispose]();
  }
}

/** Lets Ctrl-C end only the check that follows the start, not the environment, and prints that it is still running. */
async function unlessInterrupted<T>(
  look: Promise<T>,
  { signal }: Session,
  { environment }: Topology,
  substrate: SubstrateName,
): Promise<T> {
  look.catch(() => undefined);
  const { promise: interruption, reject } = Promise.withResolvers<never>();
  const command = (verb: string) => common.commandFor(verb, environment, substrate);
  const stop = () =>
    reject(
      new KitError(`interrupted; '${environment.name}' keeps running`, {
        code: 'INTERRUPTED',
        exitCode: EXIT.INTERRUPTED,
        hint: `${command('status')} shows the environment, and ${command('down')} stops it`,
      }),
    );
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([look, interruption]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
