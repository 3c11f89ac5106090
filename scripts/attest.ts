import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { KitError } from '../config/errors.ts';
import { archiveRun, signStatement, storeStatement } from '../harness/judge/statement.ts';
import { judgeInThread } from '../harness/judge/thread/index.ts';
import { type ModuleOptions, modulesOf } from './extensions.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface AttestOptions extends ModuleOptions {
  readonly key?: string;
  readonly out?: string;
  readonly bundle?: string;
}

/**
 * `kit attest`: writes a statement of a run's result, optionally signed, or an archive of the run and its statement.
 */
export function attest(program: Command, session: Session): void {
  program
    .command('attest')
    .summary("write a statement of a run's result, optionally signed")
    .description(
      'Verify a run and write its result as an in-toto statement (test-result v0.1); with --key, in a signed DSSE envelope.\nkit verify --statement checks it.',
    )
    .argument('<dir>', 'run folder')
    .addOption(new Option('--key <file>', 'private key in PEM (Ed25519 or ECDSA)').argParser(common.nonEmpty))
    .addOption(
      new Option('--out <file>', 'file of the statement (default: standard output)').argParser(
        common.nonEmpty,
      ),
    )
    .addOption(
      new Option('--bundle <file>', 'write the run folder and the statement as a tar.gz').argParser(
        common.nonEmpty,
      ),
    )
    .addOption(common.modules())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit attest runs/<id> --key key.pem --out statement.json', 'sign the result'],
        ['kit attest runs/<id> --bundle run.tar.gz', 'pack the run with its statement'],
        ['kit verify runs/<id> --statement statement.json --key pub.pem', 'check it'],
      ),
    )
    .action(async (dir: string, options: AttestOptions) => {
      const { key, out, bundle } = options;
      const thread = { modules: modulesOf(options), signal: session.signal };
      const statement = await judgeInThread('attest', [dir], thread);
      const text = key === undefined ? statement : signStatement(statement, readInput(key), key);
      if (out !== undefined) storeStatement(out, dir, text);
      if (bundle !== undefined) archiveRun(bundle, dir, text);
      if (out === undefined && bundle === undefined) return session.terminal.print(text);
      const files = [out, bundle].filter((file) => file !== undefined);
      printResult(
        session,
        { files, signed: key !== undefined },
        files.map((file) => `wrote ${file}`).join('\n'),
      );
    });
}

/** @throws KitError INPUT_NOT_FOUND */
export function readInput(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KitError(`cannot be read: ${(cause as Error).message}`, {
      code: 'INPUT_NOT_FOUND',
      where: file,
      hint: 'pass the path of a readable file',
      cause,
    });
  }
}
