import type { Command } from 'commander';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/** `kit bundle save | load`: transfers images and the provider's plugin to an offline network. */
export function bundle(program: Command, session: Session): void {
  const verbs = program
    .command('bundle')
    .summary('save or load images and the Terraform plugin for an offline network')
    .description('Transfer images and the Docker provider plugin to a network without a registry.');
  const addCommand = (name: 'save' | 'load', summary: string) =>
    verbs
      .command(name)
      .summary(summary)
      .description(`${summary}.`)
      .argument('<file>', 'the bundle')
      .addOption(common.json())
      .addHelpText('after', examples([`kit bundle ${name} kit.tar.gz`, summary]))
      .action(async (file: string) => {
        const { saveBundle, loadBundle } = await import('../infra/substrates/docker/bundle.ts');
        const report = await (name === 'save' ? saveBundle : loadBundle)(file, stateDir());
        const plugin = report.plugin ?? 'no plugin found on this machine';
        printResult(session, report, [...report.images, plugin].join('\n'));
      });
  addCommand('save', 'write the images and the plugin on this machine to a file');
  addCommand('load', 'load the images into the engine and install the plugin for Terraform');
}
