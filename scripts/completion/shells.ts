/**
 * Completion scripts for bash, zsh and fish. All follow the same rules: find the path of the command among the words
 * before the cursor, then complete an option value, an option, a subcommand or an argument. They do not run `kit`, so
 * completion does not wait for Node.js to start.
 */
import {
  type CompletedCommand,
  type CompletedOption,
  quoteText,
  type Values,
  valueRules,
  type Word,
} from './model.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** Returns the script for a shell. When sourced, it registers the completion for the names. */
type ScriptOf = (names: readonly string[], commands: readonly CompletedCommand[]) => string;

export const completionScript: Readonly<Record<Shell, ScriptOf>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const HEAD = (shell: Shell) =>
  `# Completion for kit in ${shell}, written by: kit completion ${shell}. Generate it again after changes to kit.yaml or the kit.`;

function bashScript(names: readonly string[], commands: readonly CompletedCommand[]): string {
  const offer = (value: Values) =>
    value.kind === 'words' ? `words=${quoteText(wordsOf(value.words))}` : `kind=${value.kind}`;
  return `${HEAD('bash')}
_kit() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path=kit words= kind=none i
  # bash splits --option=value at the sign.
  if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${patternOf(pathsOf(commands))}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $prev" in
${valueRules(commands)
  .map(({ after, value }) => `    ${patternOf(after)}) ${offer(value)} ;;`)
  .join('\n')}
    *) case "$cur" in
      -*) case "$path" in
${commands.map(({ path, options }) => `        ${quoteText(path)}) words=${quoteText(flagsOf(options))} ;;`).join('\n')}
      esac ;;
      *) case "$path" in
${commands.map((command) => `        ${quoteText(command.path)}) ${offer(operandsOf(command))} ;;`).join('\n')}
      esac ;;
    esac ;;
  esac
  local IFS=$'\\n'
  case "$kind" in
    files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    directories) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "\${words// /$IFS}" -- "$cur")) ;;
  esac
}
complete -F _kit ${names.join(' ')}
`;
}

function zshScript(names: readonly string[], commands: readonly CompletedCommand[]): string {
  const described = (words: readonly Word[]) =>
    `entries=(${words.map(({ word, description }) => quoteText(`${word.replaceAll(':', '\\:')}:${firstLine(description)}`)).join(' ')}); _describe -t values value entries`;
  const offer = (value: Values) => {
    if (value.kind === 'words') return described(value.words);
    return { files: '_files', directories: '_files -/', none: ':' }[value.kind];
  };
  return `#compdef ${names.join(' ')}
${HEAD('zsh')}
_kit() {
  local at=kit word
  local -a entries
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      ${patternOf(pathsOf(commands))}) at="$at $word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${valueRules(commands)
  .map(({ after, value }) => `    ${patternOf(after)}) ${offer(value)}; return ;;`)
  .join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    case "$at" in
${commands.map(({ path, options }) => `      ${quoteText(path)}) ${described(flagWords(options))} ;;`).join('\n')}
    esac
    return
  fi
  case "$at" in
${commands.map((command) => `    ${quoteText(command.path)}) ${offer(operandsOf(command))} ;;`).join('\n')}
  esac
}
# A file in fpath is the function itself; a sourced script registers it.
if [ "\${funcstack[1]}" = _kit ]; then _kit "$@"; else compdef _kit ${names.join(' ')}; fi
`;
}

function fishScript(names: readonly string[], commands: readonly CompletedCommand[]): string {
  const when = (path: string) => `-n ${quoteFish(`test (__kit_path) = "${path}"`)}`;
  const offers = (value: Values): readonly string[] => {
    if (value.kind === 'words')
      return value.words.map(
        ({ word, description }) => `-a ${quoteFish(word)} -d ${quoteFish(firstLine(description))}`,
      );
    return { files: ['-F'], directories: [`-a '(__fish_complete_directories)'`], none: [] }[value.kind];
  };
  const optionLines = ({ flags, description, value }: CompletedOption): readonly string[] => {
    const named = `${flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')} -d ${quoteFish(firstLine(description))}`;
    if (value === undefined) return [named];
    if (value.kind === 'words') return [`${named} -x -a ${quoteFish(wordsOf(value.words))}`];
    return [`${named} ${value.kind === 'none' ? '-x' : `-r ${offers(value).join(' ')}`}`];
  };
  const lines = commands.flatMap((command) =>
    [...offers(operandsOf(command)), ...command.options.flatMap(optionLines)].map(
      (line) => `${when(command.path)} ${line}`,
    ),
  );
  return `${HEAD('fish')}
function __kit_path
    set -l at kit
    for word in (commandline -opc)
        if contains -- "$at $word" ${pathsOf(commands).map(quoteFish).join(' ')}
            set at "$at $word"
        end
    end
    echo $at
end
${names.flatMap((name) => [`complete -c ${name} -f`, ...lines.map((line) => `complete -c ${name} ${line}`)]).join('\n')}
`;
}

/** Returns the subcommands, or the values of the argument if there are none. */
function operandsOf({ commands, argument }: CompletedCommand): Values {
  return commands.length > 0 ? { kind: 'words', words: commands } : argument;
}

/** Returns the paths of all commands of the program. */
function pathsOf(commands: readonly CompletedCommand[]): readonly string[] {
  return commands.map(({ path }) => path).filter((path) => path.includes(' '));
}

function patternOf(texts: readonly string[]): string {
  return texts.map(quoteText).join('|');
}

function flagWords(options: readonly CompletedOption[]): readonly Word[] {
  return options.flatMap(({ flags, description }) => flags.map((word) => ({ word, description })));
}

function flagsOf(options: readonly CompletedOption[]): string {
  return wordsOf(flagWords(options).filter(({ word }) => word.startsWith('--')));
}

function wordsOf(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(' ');
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

/** Quotes text for fish, where a backslash is an escape character even within single quotes. */
function quoteFish(text: string): string {
  return quoteText(text.replaceAll('\\', '\\\\'));
}
