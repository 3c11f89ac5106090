import type { Command } from 'commander';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/** `kit bundle save | load`: transfers images and the provider's plugin to a closed network. */
export function bundle(program: Command, session: Session): void {
  const verbs = program
    .command('bundle')
    .summary("save, load: images and Terraform's plugin for a closed network")
    .description(
      "Carries the images and the Docker provider's plugin to a network where no registry answers.",
    );
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
        const plugin = report.plugin ?? 'no plugin: this machine had none in a local directory';
        printResult(session, report, [...report.images, plugin].join('\n'));
      });
  addCommand('save', 'writes the images and the plugin of this machine');
  addCommand('load', 'loads the images into the engine, the plugin where Terraform finds it');
}
