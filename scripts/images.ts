import { resolve } from 'node:path';
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
    .summary('build images without a registry, or lock published images by digest')
    .description('Manage the images of the Docker substrate.');
  group
    .command('build')
    .summary('build the images from distribution, Go and npm packages')
    .description(
      'Build the images from distribution, Go and npm packages. Later deploys on this machine use them. Existing images are kept.\nThe nodes run the server of the distribution; --server adds an image with another one, for environments with redis.server.',
    )
    .option('--server <path>', 'a redis-server or valkey-server on this machine')
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit images build', 'next: npx cdktf deploy dev'],
        ['kit images build --server /opt/redis-8.2/bin/redis-server', 'for redis.server: redis@8.2'],
      ),
    )
    .action(async ({ server }: { server?: string }) => {
      const { buildImages } = await import('../infra/substrates/docker/build-images.ts');
      const built = await buildImages({
        stateDir: stateDir(),
        server: server === undefined ? undefined : resolve(server),
        progress: (line) => session.terminal.progress(line),
        signal: session.signal,
      });
      const lines = built.map(
        ({ tag, built: made, tookMs }) => `${tag}  ${made ? `built in ${tookMs} ms` : 'exists'}`,
      );
      printResult(session, { images: built }, lines.join('\n'));
    });
  group
    .command('lock')
    .summary('resolve published images to digests in config/images.lock.yaml')
    .description(
      'Pull the published images by version and record their digests, which later deploys use. Records all of them or none; the images for observability.prometheus are optional.',
    )
    .option('--accept-moved', 'accept a tag that now points to another image')
    .addOption(common.json())
    .addHelpText('after', examples(['kit images lock', 'next: git add config/images.lock.yaml']))
    .action(async ({ acceptMoved }: { acceptMoved?: boolean }) => {
      const { lockImages } = await import('../infra/substrates/docker/images-lock.ts');
      const { file, images: locked } = await lockImages({
        progress: (line) => session.terminal.progress(line),
        signal: session.signal,
        acceptMoved: acceptMoved === true,
      });
      const lines = Object.values(locked).flatMap((image) =>
        image === undefined ? [] : [`${image.version}  ${image.digest}`],
      );
      printResult(session, { file, images: locked }, lines.join('\n'));
    });
}
