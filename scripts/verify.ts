import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import type { Verification } from '../harness/judge/index.ts';
import { checkStatement } from '../harness/judge/statement.ts';
import { judgeInThread, type ThreadOptions } from '../harness/judge/thread/index.ts';
import { readInput } from './attest.ts';
import { type ModuleOptions, modulesOf } from './extensions.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface VerifyOptions extends ModuleOptions {
  readonly statement?: string;
  readonly key?: string;
}

/**
 * `kit verify`: checks whether the report follows from the evidence, and whether the evidence is unchanged since it was
 * sealed.
 */
export function verify(program: Command, session: Session): void {
  program
    .command('verify')
    .summary('check hashes and recompute the verdict of a run')
    .description(
      'Check the SHA-256 of every file of a run, recompute its reports, and compare them byte for byte.\nExit code 0: no differences; 1: differences; 3: not a run folder.',
    )
    .argument('<dir>', 'run folder')
    .addOption(
      new Option('--statement <file>', 'compare with this statement (written by kit attest)').argParser(
        common.nonEmpty,
      ),
    )
    .addOption(
      new Option('--key <file>', 'public key in PEM to verify the signature of the statement').argParser(
        common.nonEmpty,
      ),
    )
    .addOption(common.modules())
    .addOption(common.json())
    .addHelpText('after', examples(['kit verify runs/<id>', 'verify now or later, under any supported Node']))
    .action(async (dir: string, options: VerifyOptions) => {
      requireStatement(options);
      const thread = { modules: modulesOf(options), signal: session.signal };
      const verified = await judgeInThread('verify', [dir], thread);
      const result = await withStatement(dir, verified, options, thread);
      session.exitCode = result.ok ? EXIT.GO : EXIT.NO_GO;
      printResult(
        session,
        result,
        result.ok
          ? [`${dir}: seal and reports verified`, ...result.notes.map((note) => `  ${note}`)].join('\n')
          : [`${dir}: verification FAILED`, ...result.problems.map((problem) => `  ${problem}`)].join('\n'),
      );
    });
}

/**
 * Refuses a key without a statement, because it would look as if a signature had been checked. @throws KitError USAGE
 */
function requireStatement({ statement, key }: VerifyOptions): void {
  if (key === undefined || statement !== undefined) return;
  throw new KitError('--key checks the signature of a statement, but --statement is missing', {
    code: 'USAGE',
    hint: 'add --statement with the file that kit attest --key wrote',
  });
}

/** Adds the check of the statement. The statement of a run that fails verification proves nothing. */
async function withStatement(
  dir: string,
  result: Verification,
  { statement, key }: VerifyOptions,
  thread: ThreadOptions,
): Promise<Verification> {
  if (statement === undefined || !result.ok) return result;
  const { problems, notes } = checkStatement({
    text: readInput(statement),
    expected: await judgeInThread('attest', [dir], thread),
    ...(key !== undefined && { key: { pem: readInput(key), file: key } }),
  });
  return {
    ok: problems.length === 0,
    problems: problems.map((problem) => `${statement}: ${problem}`),
    notes: [...result.notes, `${statement}: compared`, ...notes],
  };
}
