/**
 * Collects the words that a shell completes after `kit` from the command tree, as data for the scripts of all shells.
 *
 * Values that only a running environment can supply, such as nodes and keys, are left out.
 */
import type { Argument, Command, Option } from 'commander';

export interface Word {
  readonly word: string;
  /** One-line description; empty for self-explanatory values. */
  readonly description: string;
}

export type Values =
  | { readonly kind: 'words'; readonly words: readonly Word[] }
  | { readonly kind: 'files' | 'directories' | 'none' };

export interface CompletedOption {
  /** Flags of the option, such as `-e` and `--env`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Values of the option; undefined if the option takes no value, or if its value is optional. */
  readonly value: Values | undefined;
}

export interface CompletedCommand {
  /** Path of the command, such as `kit`, `kit drill` or `kit conf lint`. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly CompletedOption[];
  readonly argument: Values;
}

/** Values that are not in the command tree, by long option (`--env`) or by path and argument (`kit drill id`). */
export type KnownValues = Readonly<Record<string, readonly Word[]>>;

/** Returns all commands, depth first. The options of each command include those of the program, except the version. */
export function completedCommands(program: Command, known: KnownValues): readonly CompletedCommand[] {
  const shared = program.options.filter((option) => option.long !== '--version');
  const help = { flags: ['-h', '--help'], description: 'print help', value: undefined };
  const walk = (command: Command, path: string): readonly CompletedCommand[] => {
    const own = new Set(command.options.map(({ long }) => long));
    const inherited = command === program ? [] : shared.filter(({ long }) => !own.has(long));
    const [argument] = command.registeredArguments;
    return [
      {
        path,
        commands: command.commands.map((each) => ({ word: each.name(), description: each.summary() })),
        options: [
          ...[...command.options, ...inherited].map((option) => completedOption(option, known)),
          help,
        ],
        argument: argument === undefined ? { kind: 'none' } : argumentValues(argument, path, known),
      },
      ...command.commands.flatMap((each) => walk(each, `${path} ${each.name()}`)),
    ];
  };
  return walk(program, program.name());
}

function completedOption(option: Option, known: KnownValues): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const words = known[option.long ?? ''] ?? option.argChoices?.map(plainWord);
  const value = option.required ? valuesOf(words, /<(\w+)>/.exec(option.flags)?.[1]) : undefined;
  return { flags, description: option.description, value };
}

function argumentValues(argument: Argument, path: string, known: KnownValues): Values {
  const words = known[`${path} ${argument.name()}`] ?? argument.argChoices?.map(plainWord);
  return valuesOf(words, argument.name());
}

const DIRECTORIES = ['dir', 'baseline', 'run'];
const FILES = ['file', 'path'];

/** Returns the completion candidates. @param placeholder name of the value in the help text */
function valuesOf(words: readonly Word[] | undefined, placeholder: string | undefined): Values {
  if (words !== undefined) return { kind: 'words', words };
  if (DIRECTORIES.includes(placeholder ?? '')) return { kind: 'directories' };
  return { kind: FILES.includes(placeholder ?? '') ? 'files' : 'none' };
}

function plainWord(word: string): Word {
  return { word, description: '' };
}

/** Completion of an option's value, for all commands and flags with the same values. */
export interface ValueRule {
  /** Command and flag before the value, such as `kit drill --env` and `kit drill -e`. */
  readonly after: readonly string[];
  readonly value: Values;
}

/** Returns one rule for all options with equal values, because most commands share such options. */
export function valueRules(commands: readonly CompletedCommand[]): readonly ValueRule[] {
  const rules = new Map<string, { after: string[]; value: Values }>();
  for (const { path, options } of commands) {
    for (const { flags, value } of options) {
      if (value === undefined) continue;
      const key = JSON.stringify(value);
      const rule = rules.get(key) ?? { after: [], value };
      rule.after.push(...flags.map((flag) => `${path} ${flag}`));
      rules.set(key, rule);
    }
  }
  return [...rules.values()];
}

/** Quotes a string for bash and zsh. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
