import { Argument, type Command } from 'commander';
import { environmentNames } from '../config/load.ts';
import { clientsNamed, drillsNamed } from '../harness/registry.ts';
import { completedCommands, type KnownValues } from './completion/model.ts';
import { completionScript, type Shell } from './completion/shells.ts';
import { useModules } from './extensions.ts';
import { examples, type Session } from './session.ts';

/** Names under which package.json installs the command. */
const NAMES = ['kit', 'redis-cache-kit'];

/** `kit completion SHELL`: prints a completion script, generated from the commands of this version. */
export function completion(program: Command, session: Session): void {
  program
    .command('completion')
    .summary('print a completion script for a shell')
    .description(
      'Print a script that completes commands, options and their values, environments and drills, including those in kit.yaml and its modules.',
    )
    .addArgument(new Argument('<shell>', 'shell of the script').choices(Object.keys(completionScript)))
    .addHelpText(
      'after',
      examples(
        ['kit completion bash > ~/.local/share/bash-completion/completions/kit', 'for every bash session'],
        ['kit completion zsh > ~/.zfunc/_kit', 'for every zsh session whose fpath has ~/.zfunc'],
        ['kit completion fish > ~/.config/fish/completions/kit.fish', 'for every fish session'],
      ),
    )
    .action(async (shell: Shell) => {
      await useModules({ module: [] });
      session.terminal.print(completionScript[shell](NAMES, completedCommands(program, knownValues())));
    });
}

function knownValues(): KnownValues {
  const plain = (word: string) => ({ word, description: '' });
  return {
    '--env': environmentNames().map(plain),
    '--clients': ['all', ...clientsNamed('all')].map(plain),
    'kit drill id': drillsNamed('all').map(({ id, title }) => ({ word: id, description: title })),
  };
}
