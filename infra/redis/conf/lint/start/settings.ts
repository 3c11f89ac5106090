/** Checks each line on its own: quotes, the name, the number of arguments, the value. */
import { didYouMean } from '../../../../../config/spelling.ts';
import { atLeast, formatServer, hasFeaturesOf, type ServerVersion } from '../../../server-version.ts';
import { isAvailable } from '../../grammar/availability.ts';
import { describeServersWith, directiveNames, entryFor, STATEMENTS } from '../../grammar/index.ts';
import { checkValue, listWords, type Problem } from '../../grammar/value.ts';
import type { ConfLine } from '../../text.ts';
import { isNewerThanMeasured } from '../known-servers.ts';
import { type Reading, type Refusal, refusal } from './refusal.ts';

/**
 * Maximum number of unknown names that are compared with every known name; a file with more is not a configuration
 * file.
 */
const GUESSES_MAX = 20;

export function settingRefusals(reading: Reading): readonly Refusal[] {
  let guesses = 0;
  const guess = (name: string) => {
    guesses += 1;
    const isWord = name.length <= NAME_MAX_LENGTH && guesses <= GUESSES_MAX;
    return isWord ? didYouMean(name, directiveNames()) : '';
  };
  const found: Refusal[] = [];
  for (const line of reading.lines) {
    const refused = checkLine(line, reading, guess);
    if (refused !== undefined) found.push(refused);
    if (found.length >= REFUSALS_MAX) break;
  }
  return found;
}

/**
 * Maximum number of refusals. The server stops at the first one; once the maximum is reached, the rest of the file is
 * not read.
 */
const REFUSALS_MAX = 1000;

type Guess = (name: string) => string;

function checkLine(line: ConfLine, reading: Reading, guess: Guess): Refusal | undefined {
  const { server, mode } = reading;
  const name = line.name ?? '';
  if (line.broken !== undefined) return refusal(line, line.broken, 'close the quote, or escape it');
  if (name === 'sentinel') return undefined;
  if (name.startsWith('sentinel ')) {
    if (mode === 'sentinel') return undefined;
    const reason = 'an option of Sentinel in the file of a server';
    return refusal(line, reason, 'move it to the sentinel.conf, or start with --sentinel');
  }
  const entry = entryFor(name, server);
  if (entry?.directive.isOfModule === true && isDroppedBySentinel(line, reading)) return undefined;
  if (entry !== undefined) {
    return fromProblem(line, checkValue(entry.directive.value, line.args, server));
  }
  const statement = STATEMENTS.get(name);
  if (statement !== undefined) return fromProblem(line, statement(line.args, server));
  return unknownName(line, reading, guess);
}

function fromProblem(line: ConfLine, found: Problem | undefined): Refusal | undefined {
  return found === undefined ? undefined : refusal(line, found.reason, `allowed: ${found.allowed}`);
}

/** Maximum length of a name that is compared with the known names: the longest directive has 41 characters. */
const NAME_MAX_LENGTH = 60;

function unknownName(line: ConfLine, reading: Reading, guess: Guess): Refusal | undefined {
  const { server } = reading;
  const name = line.name ?? '';
  if (isDroppedBySentinel(line, reading)) return undefined;
  const where = describeServersWith(name);
  const title = formatServer(server);
  if (where !== undefined) {
    return refusal(
      line,
      `${title} has no directive '${name}'; it requires ${where}`,
      `remove it, or run ${where}`,
    );
  }
  const shown = name.length > NAME_MAX_LENGTH ? `${name.slice(0, NAME_MAX_LENGTH)}…` : name;
  const isOfModule = name.includes('.') && line.args.length > 0;
  const reason = isOfModule
    ? `'${shown}' is a setting of a module, and no module is loaded`
    : `'${shown}' is not a directive of ${title}${guess(name)}`;
  const remedy = isOfModule
    ? 'add the loadmodule line, or remove this one'
    : 'correct the name, or remove the line';
  const isKept = reading.isOpenEnded && line.args.length > 0 && queuesUnknown(name, server);
  const isCertain = !isKept && !isNewerThanMeasured(server);
  return refusal(line, reason, remedy, { isCertain });
}

/**
 * Whether a sentinel drops the line. A sentinel also stores module settings, but does not check whether a module used
 * them.
 */
function isDroppedBySentinel(line: ConfLine, { server, mode }: Reading): boolean {
  return mode === 'sentinel' && line.args.length > 0 && queuesUnknown(line.name ?? '', server);
}

/** Whether the server stores an unknown name for a module: names with a dot since 7.0, any name since Redis 8. */
function queuesUnknown(name: string, server: ServerVersion): boolean {
  if (server.family === 'redis' && atLeast(server.version, '8.0')) return true;
  return name.includes('.') && hasFeaturesOf(server, '7.0');
}

/** Returns the words of a value as a server reads them: a list in one quoted word is split. */
export function valueWords(line: ConfLine, server: ServerVersion): readonly string[] {
  const entry = entryFor(line.name ?? '', server);
  const isList = entry?.directive.value.kind === 'list' && isAvailable(entry.name.availability, server);
  return isList ? listWords(line.args, server) : line.args;
}
