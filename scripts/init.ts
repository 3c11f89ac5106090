/** `kit init`: writes a commented `kit.yaml`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { KitError } from '../config/errors.ts';
import { PROJECT_FILE } from '../config/project.ts';
import { latestWaiverDay } from '../config/waiver-days.ts';
import { displayPath } from '../config/yaml.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

const ROOT = join(import.meta.dirname, '..');
const SCHEMA = 'docs/schemas/kit.schema.json';
/** Expiry of the example of a waiver in the template. The written file has the last day that is accepted today. */
const EXAMPLE_DAY = '2030-01-31';

export function init(program: Command, session: Session): void {
  program
    .command('init')
    .summary('write a commented kit.yaml')
    .description(
      'Write kit.yaml with an environment of your own and commented examples. Does not prompt. Overwrites a file only with --force.',
    )
    .addOption(new Option('--force', 'overwrite an existing file'))
    .addOption(common.json())
    .addHelpText('after', examples(['kit init', 'write ./kit.yaml'], ['kit init --force', 'overwrite it']))
    .action(({ force = false }: { readonly force?: boolean }) => {
      const { config } = program.opts<{ readonly config?: string }>();
      const file = resolve(config ?? PROJECT_FILE);
      writeProject(file, force);
      const shown = displayPath(file);
      const flag = config === undefined ? '' : ` --config ${config}`;
      printResult(session, { file: shown }, `wrote ${shown}\nnext: kit readiness --env app${flag}`);
    });
}

function writeProject(file: string, force: boolean): void {
  const template = readFileSync(join(ROOT, 'config/kit-template.yaml'), 'utf8');
  const content = template.replace(EXAMPLE_DAY, latestWaiverDay(new Date().toISOString()));
  const text = `# yaml-language-server: $schema=${schemaFrom(dirname(file))}\n${content}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new KitError(exists ? 'exists already' : `cannot be written: ${(error as Error).message}`, {
      code: exists ? 'CONFIG_EXISTS' : 'CONFIG_UNWRITABLE',
      where: displayPath(file),
      hint: exists ? 'edit it, or overwrite it with kit init --force' : 'pass another path with --config',
      cause: error,
    });
  }
}

/**
 * Returns the path of the schema, for editors: in the checkout that contains the directory, otherwise in the installed
 * package.
 */
function schemaFrom(directory: string): string {
  const inCheckout = relative(directory, join(ROOT, SCHEMA));
  const isInside = !relative(ROOT, directory).startsWith('..') && existsSync(join(ROOT, SCHEMA));
  const path = isInside ? inCheckout : `node_modules/redis-cache-kit/${SCHEMA}`;
  return path.startsWith('.') ? path : `./${path}`;
}
