import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT } from '../config/errors.ts';
import { type LintOptions, type LintTarget, lintConf, parseTarget } from '../infra/redis/conf/lint/index.ts';
import { identifyServer } from '../infra/redis/server-binary.ts';
import { readConfFile } from './conf-file.ts';
import { findingsText } from './findings-text.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface ConfLintOptions extends Pick<LintOptions, 'kind' | 'cores'> {
  readonly server?: LintTarget | string;
  readonly redisVersion?: string;
}

/** `kit conf lint`: reports errors of a redis.conf, valkey.conf or sentinel.conf. Exits with 1 if there is an error. */
export function conf(program: Command, session: Session): void {
  program
    .command('conf')
    .summary('lint: what a redis.conf or sentinel.conf gets wrong')
    .description('Works on configuration files of Redis, Valkey and Sentinel.')
    .command('lint')
    .summary('what a file gets wrong: line, reason, remedy')
    .description(
      'Says what a redis.conf, valkey.conf or sentinel.conf gets wrong. Exit 0: no error (there may be warnings); 1: an error.',
    )
    .argument('<file>', 'redis.conf, valkey.conf or sentinel.conf')
    .addOption(new Option('--kind <kind>', 'absent: told by what is in it').choices(['redis', 'sentinel']))
    .addOption(
      new Option(
        '--server <server>',
        'redis@7.0, valkey@8, a family, or the path of a server; absent: every supported version of the family',
      ).argParser(serverOption),
    )
    .addOption(
      new Option('--redis-version <v>', 'the same as --server redis@<v>')
        .argParser(common.redisVersion)
        .conflicts('server'),
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
        ['kit conf lint /etc/redis/redis.conf --server /usr/bin/redis-server', 'theirs, for that binary'],
        ['kit conf lint valkey.conf --server valkey@8', 'every Valkey 8'],
      ),
    )
    .action(async (file: string, options: ConfLintOptions) => {
      const { server, redisVersion, ...rest } = options;
      const target = await targetOf(server, redisVersion);
      const text = readConfFile(file);
      const findings = lintConf(text, { ...rest, ...(target === undefined ? {} : { target }) });
      session.exitCode = findings.some(({ severity }) => severity === 'error') ? EXIT.NO_GO : EXIT.GO;
      printResult(session, { file, findings }, findingsText(file, findings, session.terminal));
    });
}

/** Parses a version, or a possible program: with a slash, or a name such as valkey-server. */
function serverOption(text: string): LintTarget | string {
  const target = parseTarget(text);
  if (target !== undefined) return target;
  if (text.includes('/') || /^[a-z][\w.-]*server[\w.-]*$/.test(text)) return text;
  throw new InvalidArgumentError(
    'Allowed: redis@7.0, valkey@8 (from redis@6.2 and valkey@7.2 on), redis, valkey, or the path of a server.',
  );
}

async function targetOf(
  server: LintTarget | string | undefined,
  redisVersion: string | undefined,
): Promise<LintTarget | undefined> {
  if (typeof server === 'string') return identifyServer(server);
  if (server !== undefined) return server;
  return redisVersion === undefined ? undefined : { family: 'redis', version: redisVersion };
}
