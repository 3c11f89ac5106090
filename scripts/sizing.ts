import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { sep } from 'node:path';
import { type Command, Option } from 'commander';
import { environmentPlace } from '../config/environment-source.ts';
import { EXIT, KitError } from '../config/errors.ts';
import { loadEnvironment } from '../config/load.ts';
import { displayPath } from '../config/yaml.ts';
import { editSettings } from '../config/yaml-edit.ts';
import { openCacheData } from './cache/cache-data.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { countText } from './cache/figures.ts';
import { type Advice, adviseSettings, changesOf, sizingText } from './cache/sizing/advice.ts';
import { memoryNeed } from './cache/sizing/memory-need.ts';
import { observeUse } from './cache/sizing/observation.ts';
import { confirm } from './confirm.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface SizingOptions extends DataOptions {
  readonly sample: number;
  readonly apply?: true;
}

const SAMPLE = 20_000;

/**
 * `kit sizing`: advises on memory, eviction, TTL and connections; `--apply` writes the advice to the environment
 * file.
 */
export function sizing(program: Command, session: Session): void {
  const command = program
    .command('sizing')
    .summary('advise on memory, TTL, eviction and connections')
    .description(
      'Derive the memory that the observed use requires, compare it with the environment settings, and show the arithmetic. With --apply, show the difference and change the environment file after a confirmation; running nodes do not change.\nExit code 0: known; 3: the need is not known yet.',
    )
    .addOption(
      new Option('--sample <keys>', 'maximum number of keys that are read')
        .argParser(common.integer(100, 1_000_000))
        .default(SAMPLE),
    )
    .addOption(new Option('--apply', 'write the advice to the environment file'))
    .addHelpText(
      'after',
      examples(
        ['kit sizing --env staging', 'show the advice'],
        ['kit sizing --env ./mine.yaml --apply', 'change the file after a prompt'],
        ['kit sizing --env production --url rediss://host:6379', 'for an external Redis'],
      ),
    )
    .action((options: SizingOptions) => adviseOn(session, options));
  addDataOptions(command, 'changes');
}

async function adviseOn(session: Session, options: SizingOptions): Promise<void> {
  const config = loadEnvironment(options.env, options.set);
  await using data = await openCacheData(options);
  session.terminal.progress(`reading up to ${countText(options.sample)} keys`);
  const observation = await observeUse(data, options.sample, session.signal);
  const need = memoryNeed(observation);
  const advice = adviseSettings(observation, need, config);
  const file = displayPath(environmentPlace(options.env).file);
  const text = sizingText(data.name, observation, need, advice);
  session.exitCode = need.known ? EXIT.GO : EXIT.UNKNOWN;
  const outcome = options.apply ? await applyAdvice(session, options, file, advice, text) : 'not asked';
  const groups = need.groups.map(({ growth: _, ...group }) => group);
  const view = { name: data.name, need: { ...need, groups }, advice, file, applied: outcome === 'written' };
  printResult(session, view, options.apply ? `${text}\n${file}: ${outcome}` : text);
}

/** Shows the difference, prompts, and writes the file. */
async function applyAdvice(
  session: Session,
  { env, set, yes }: SizingOptions,
  file: string,
  advice: readonly Advice[],
  text: string,
): Promise<'written' | 'not confirmed, unchanged' | 'nothing to change'> {
  const changes = changesOf(advice);
  if (changes.size === 0) return 'nothing to change';
  const { file: named, prefix } = environmentPlace(env);
  // If the path is a symbolic link, the file it points to is replaced and the link stays.
  const path = realpathSync(named);
  requireOwnFile(path, file);
  const edit = editSettings(readFileSync(path, 'utf8'), file, changes, prefix);
  // The new values must be valid together with all others.
  loadEnvironment(env, { ...set, ...Object.fromEntries(changes) });
  const difference = [file, ...edit.difference].join('\n');
  if (yes !== true) {
    const isConfirmed = await confirm(session, {
      refusal: `${file}: the change must be confirmed\n${difference}`,
      consequence: `${text}\n\n${difference}`,
      word: 'yes',
      action: 'write the file',
      code: 'SIZING_UNCONFIRMED',
      hint: 'run the command in a terminal to be prompted, or pass --yes to write the file',
    });
    if (!isConfirmed) {
      session.exitCode = EXIT.NO_GO;
      return 'not confirmed, unchanged';
    }
  } else if (!session.json) session.terminal.printError(`${difference}\n`);
  if (readFileSync(path, 'utf8') !== edit.before) {
    throw new KitError('was changed while the prompt was open', {
      code: 'CONFIG_CHANGED',
      where: file,
      hint: 'run the command again; nothing was written',
    });
  }
  const draft = `${path}.${process.pid}.next`;
  try {
    writeFileSync(draft, edit.after, { mode: statSync(path).mode, flush: true });
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return 'written';
}

/** Refuses to change an environment file of the installed kit, because the next installation would undo the change. */
function requireOwnFile(path: string, file: string): void {
  if (!path.split(sep).includes('node_modules')) return;
  throw new KitError('belongs to the installed kit and is not changed', {
    code: 'CONFIG_NOT_EDITABLE',
    where: file,
    hint: 'add an environment that extends this one to kit.yaml (kit init), and pass its name to --env',
  });
}
