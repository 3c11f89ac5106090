import type { Command } from 'commander';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/**
 * `kit images build | lock`: builds the images of the Docker substrate without a registry, and locks the digests of the
 * published ones.
 */
export function images(program: Command, session: Session): void {
  const group = program
    .command('images')
    .summary('build: the images of Docker without a registry; lock: the digests of the published ones')
    .description('Works on the images that the Docker substrate runs.');
  group
    .command('build')
    .summary("make the images from the distribution's, Go's and npm's packages")
    .description(
      "Makes the images from the distribution's, Go's and npm's packages; from then on deploys here use them. What exists stays.",
    )
    .addOption(common.json())
    .addHelpText('after', examples(['kit images build', 'then: npx cdktf deploy dev']))
    .action(async () => {
      const { buildImages } = await import('../infra/substrates/docker/build-images.ts');
      const built = await buildImages({
        stateDir: stateDir(),
        progress: (line) => session.terminal.progress(line),
        signal: session.signal,
      });
      const lines = built.map(
        ({ tag, built: made, tookMs }) => `${tag}  ${made ? `built in ${tookMs} ms` : 'was there'}`,
      );
      printResult(session, { images: built }, lines.join('\n'));
    });
  group
    .command('lock')
    .summary('resolve the published images to their digests, and write config/images.lock.yaml')
    .description(
      'Pulls the published images by version and writes down the digest of each: deploys then use exactly these. All or none.',
    )
    .option('--accept-moved', 'take what a tag points to now, although it pointed to another image')
    .addOption(common.json())
    .addHelpText('after', examples(['kit images lock', 'then: git add config/images.lock.yaml']))
    .action(async ({ acceptMoved }: { acceptMoved?: boolean }) => {
      const { lockImages } = await import('../infra/substrates/docker/images-lock.ts');
      const { file, images: locked } = await lockImages({
        progress: (line) => session.terminal.progress(line),
        signal: session.signal,
        acceptMoved: acceptMoved === true,
      });
      const lines = Object.values(locked).map(({ version, digest }) => `${version}  ${digest}`);
      printResult(session, { file, images: locked }, lines.join('\n'));
    });
}
