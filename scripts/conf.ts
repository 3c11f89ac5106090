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

/** `kit conf lint`: reports errors in a redis.conf, valkey.conf or sentinel.conf. Exits with 1 if there is an error. */
export function conf(program: Command, session: Session): void {
  program
    .command('conf')
    .summary('lint a redis.conf or sentinel.conf')
    .description('Check configuration files of Redis, Valkey and Sentinel.')
    .command('lint')
    .summary('report errors with line, reason and remedy')
    .description(
      'Check a redis.conf, valkey.conf or sentinel.conf.\nExit code 0: no errors (warnings are allowed); 1: errors.',
    )
    .argument('<file>', 'redis.conf, valkey.conf or sentinel.conf')
    .addOption(
      new Option('--kind <kind>', 'kind of the file (default: detected)').choices(['redis', 'sentinel']),
    )
    .addOption(
      new Option(
        '--server <server>',
        'redis@7.0, valkey@8, a family, or the path of a server (default: every supported version of the family)',
      ).argParser(serverOption),
    )
    .addOption(
      new Option('--redis-version <v>', 'alias of --server redis@<v>')
        .argParser(common.redisVersion)
        .conflicts('server'),
    )
    .addOption(
      new Option(
        '--cores <n>',
        'CPU cores of the target machine (default: skip the io-threads check)',
      ).argParser(common.integer(1)),
    )
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit conf lint redis-production.conf', 'check the file in this repository'],
        ['kit conf lint /etc/redis/redis.conf --server /usr/bin/redis-server', 'check for this binary'],
        ['kit conf lint valkey.conf --server valkey@8', 'check for every Valkey 8'],
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

/** Parses a version, or text that may name a program: a path with a slash, or a name such as valkey-server. */
function serverOption(text: string): LintTarget | string {
  const target = parseTarget(text);
  if (target !== undefined) return target;
  if (text.includes('/') || /^[a-z][\w.-]*server[\w.-]*$/.test(text)) return text;
  throw new InvalidArgumentError(
    'Must be a version such as redis@7.0 (6.2 or newer) or valkey@8 (7.2 or newer), a family, or the path of a server.',
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
