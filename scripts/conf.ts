import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { type LintOptions, lintConf } from '../infra/conf-lint.ts';
import { findingsText } from './findings-text.ts';
import * as common from './options.ts';
import { answer, examples, type Session } from './session.ts';

/** `kit conf lint`: what a redis.conf or sentinel.conf gets wrong. Ends 1 when an error is among it. */
export function conf(program: Command, session: Session): void {
  program
    .command('conf')
    .summary('lint: what a redis.conf or sentinel.conf gets wrong')
    .description('Works on configuration files of Redis and Sentinel.')
    .command('lint')
    .summary('what a file gets wrong: line, reason, remedy')
    .description(
      'Says what a redis.conf or sentinel.conf gets wrong. Exit 0: no error (there may be warnings); 1: an error.',
    )
    .argument('<file>', 'redis.conf or sentinel.conf')
    .addOption(new Option('--kind <kind>', 'absent: told by what is in it').choices(['redis', 'sentinel']))
    .addOption(
      new Option('--redis-version <v>', 'such as 7.0.15; absent: all from 7.0 to 8.x').argParser(
        common.redisVersion,
      ),
    )
    .addOption(
      new Option('--cores <n>', 'of the machine it is for; absent: io-threads is not judged').argParser(
        common.integer(1),
      ),
    )
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit conf lint redis-production.conf', 'ours'],
        ['kit conf lint /etc/redis/redis.conf --cores 4', 'theirs'],
      ),
    )
    .action((file: string, options: Omit<LintOptions, 'version'> & { readonly redisVersion?: string }) => {
      const { redisVersion: version, ...rest } = options;
      const findings = lintConf(textOf(file), { ...rest, ...(version === undefined ? {} : { version }) });
      session.exitCode = findings.some(({ severity }) => severity === 'error') ? EXIT.NO_GO : EXIT.GO;
      answer(session, { file, findings }, findingsText(file, findings, session.terminal));
    });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KitError('cannot be read', {
      code: 'FILE_UNREADABLE',
      where: file,
      hint: 'give the path of a file',
      cause,
    });
  }
}
