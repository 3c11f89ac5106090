import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { openCacheData } from './cache/cache-data.ts';
import { clearSelected, countAffected, type Selection, selectionText } from './cache/clear-selection.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { countText } from './cache/figures.ts';
import { confirm } from './confirm.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface ClearOptions extends DataOptions {
  readonly all?: true;
  readonly tag?: readonly string[];
  readonly pattern?: string;
  readonly dryRun?: true;
}

interface ClearReport {
  readonly name: string;
  readonly namespace: string;
  readonly selection: Selection;
  /** Number of entries found before the deletion; for a tag, the entries that carry its current version. */
  readonly found: number;
  /**
   * Number of internal client keys that were found: tags, leases, shared statistics. Counted only with `--all`.
   */
  readonly internal: number;
  readonly dryRun: boolean;
  /** Number of deleted entries; null in a dry run, and for tags, whose entries become misses and expire. */
  readonly deleted: number | null;
  readonly cleared: boolean;
}

/** `kit cache-clear`: deletes entries by namespace, tag or pattern after a confirmation. */
export function cacheClear(program: Command, session: Session): void {
  const command = program
    .command('cache-clear')
    .summary('delete entries by namespace, tag or pattern')
    .description(
      'Count the entries, prompt, and delete them as the client does: SCAN and UNLINK in batches on every master; for a tag, one command that invalidates all of its entries. Keys of other namespaces are not touched; FLUSHALL and FLUSHDB are never sent.',
    )
    .addOption(new Option('--all', 'all entries of the namespace, with its tags, leases and statistics'))
    .addOption(
      new Option('--tag <tag>', 'entries with this tag (repeatable)').argParser(
        (tag: string, before: readonly string[] = []) => [...before, common.nonEmpty(tag)],
      ),
    )
    .addOption(
      new Option('--pattern <glob>', 'entries whose key matches, without the namespace').argParser(
        common.nonEmpty,
      ),
    )
    .addOption(new Option('--dry-run', 'count only'))
    .addHelpText(
      'after',
      examples(
        ["kit cache-clear --pattern 'user:*' --dry-run", 'count the entries of all users'],
        ['kit cache-clear --tag prices', 'invalidate all entries with a tag'],
        ['kit cache-clear --all --env staging --yes', 'empty a namespace in a script'],
      ),
    )
    .action((options: ClearOptions) => clearCache(session, options));
  addDataOptions(command, 'changes');
}

async function clearCache(session: Session, options: ClearOptions): Promise<void> {
  const selection = selectionOf(options);
  const { terminal, signal } = session;
  await using data = await openCacheData(options);
  const { namespace } = data.settings;
  const { found, internal } = await countAffected(data, selection, {
    signal,
    progress: (keys) => terminal.progress(`${countText(keys)} keys read`),
  });
  const report = { name: data.name, namespace, selection, found, internal, dryRun: options.dryRun === true };
  const what = `${selectionText(selection, namespace)} on ${data.name}: ${countText(found)} entries`;
  if (report.dryRun) {
    printReport(session, { ...report, deleted: null, cleared: false }, `${what}; nothing was deleted`);
    return;
  }
  const isConfirmed =
    options.yes === true ||
    (await confirm(session, {
      refusal: `${what}: the deletion must be confirmed`,
      consequence: `${what} will be deleted`,
      word: namespace,
      action: 'delete them',
      code: 'CLEAR_UNCONFIRMED',
      hint: 'run the command in a terminal to be prompted, pass --yes to delete them, or --dry-run to count them',
    }));
  if (!isConfirmed) {
    session.exitCode = EXIT.NO_GO;
    printReport(
      session,
      { ...report, deleted: null, cleared: false },
      `${what}; not confirmed, nothing was deleted`,
    );
    return;
  }
  const deleted = await clearSelected(data, selection, signal);
  const outcome =
    deleted === null ? 'they are misses now and expire with their TTL' : `${countText(deleted)} deleted`;
  printReport(session, { ...report, deleted, cleared: true }, `${what}; ${outcome}`);
}

/** Returns the selection. @throws KitError `USAGE` unless exactly one selection is given */
function selectionOf({ all, tag, pattern }: ClearOptions): Selection {
  const given: Selection[] = [];
  if (all === true) given.push({ by: 'namespace' });
  if (tag !== undefined) given.push({ by: 'tags', tags: tag });
  if (pattern !== undefined) given.push({ by: 'pattern', pattern });
  const [only, ...more] = given;
  if (only !== undefined && more.length === 0) return only;
  const problem =
    only === undefined ? 'no entries selected' : '--all, --tag and --pattern are mutually exclusive';
  throw new KitError(problem, {
    code: 'USAGE',
    where: 'command line',
    hint: "pass one of --all, --tag TAG and --pattern 'GLOB'",
  });
}

function printReport(session: Session, report: ClearReport, text: string): void {
  printResult(session, report, text);
}
