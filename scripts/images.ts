import type { Command } from 'commander';
import { buildImages } from '../harness/registry.ts';
import * as common from './options.ts';
import { answer, examples, type Session, stateDir } from './session.ts';

/** `kit images build`: the images of the Docker substrate without a registry. */
export function images(program: Command, session: Session): void {
  program
    .command('images')
    .summary('build: the images of Docker without an image registry')
    .description('Works on the images that the Docker substrate runs.')
    .command('build')
    .summary("make the images from the distribution's, Go's and npm's packages")
    .description(
      "Makes the images from the distribution's, Go's and npm's packages; from then on deploys here use them. What exists stays.",
    )
    .addOption(common.json())
    .addHelpText('after', examples(['kit images build', 'then: npx cdktf deploy dev']))
    .action(async () => {
      const built = await buildImages({
        stateDir: stateDir(),
        progress: (line) => session.terminal.progress(line),
        signal: session.signal,
      });
      const lines = built.map(
        ({ tag, built: made, tookMs }) => `${tag}  ${made ? `built in ${tookMs} ms` : 'was there'}`,
      );
      answer(session, { images: built }, lines.join('\n'));
    });
}
