/** Rules for lines that a server accepts and interprets unexpectedly: old names, overridden lines, dropped words. */

import { formatServer, type ServerVersion } from '../../server-version.ts';
import { canonicalName, entriesNamed, entryFor, isRepeatable } from '../grammar/index.ts';
import { atoi, parsePrefix } from '../grammar/numbers.ts';
import { SENTINEL_OPTIONS } from '../grammar/sentinel-options.ts';
import { splitsQuotedLists } from '../grammar/value.ts';
import type { ConfLine } from '../text.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';
import { CONFIG_C, SENTINEL_C } from './sources.ts';

export function syntaxRules(conf: Conf, servers: readonly ServerVersion[]): readonly Finding[] {
  return [
    ...conf.lines.flatMap((line) => [
      ...oldName(line, servers),
      ...withoutEffect(line, servers),
      ...ignoredArguments(line),
    ]),
    ...findRepetitions(conf),
  ];
}

function placeOf(line: ConfLine): { readonly line: number; readonly directive: string } {
  return { line: line.line, directive: line.name ?? '' };
}

function oldName(line: ConfLine, servers: readonly ServerVersion[]): readonly Finding[] {
  const name = line.name ?? '';
  const entry = entriesNamed(name).find((each) => each.name.isOld);
  const canonical = entry?.directive.name ?? '';
  // At least one server has only the old name.
  if (entry === undefined || servers.some((server) => entryFor(canonical, server) === undefined)) return [];
  const isZiplist = name.includes('ziplist');
  const reason = `${isZiplist ? 'ziplists were removed in 7.0; ' : ''}'${name}' is an alias of '${canonical}'`;
  const remedy = `write ${canonical} ${line.args.join(' ')}`;
  return [finding(isZiplist ? 'warning' : 'info', placeOf(line), reason, CONFIG_C, remedy)];
}

function withoutEffect(line: ConfLine, servers: readonly ServerVersion[]): readonly Finding[] {
  const name = line.name ?? '';
  const ignoring = servers.filter((server) => entryFor(name, server)?.directive.value.kind === 'ignored');
  if (ignoring.length > 0 && ignoring.length === servers.length) {
    return [finding('warning', placeOf(line), 'accepted without effect', CONFIG_C, 'remove the line')];
  }
  const isOldSave = name === 'save' && line.args.length !== 2 && line.args.join('') !== '';
  const old = servers.find((server) => !splitsQuotedLists(server));
  if (!isOldSave || old === undefined) return [];
  const reason = `${formatServer(old)} reads one pair per line: it ignores this line, and drops its default save points`;
  return [finding('warning', placeOf(line), reason, CONFIG_C, 'write each pair on its own line')];
}

/** Arguments, by option, of which Sentinel reads only the leading digits, each with its unit. */
const SENTINEL_NUMBERS: Readonly<Record<string, readonly (readonly [at: number, what: string])[]>> = {
  monitor: [
    [2, 'as the port'],
    [3, 'as the quorum'],
  ],
  'down-after-milliseconds': [[1, 'milliseconds']],
  'failover-timeout': [[1, 'milliseconds']],
  'master-reboot-down-after-period': [[1, 'milliseconds']],
  'primary-reboot-down-after-period': [[1, 'milliseconds']],
  'parallel-syncs': [[1, 'replicas at once']],
  'config-epoch': [[1, 'as the epoch']],
  'leader-epoch': [[1, 'as the epoch']],
  'current-epoch': [[0, 'as the epoch']],
  'announce-port': [[0, 'as the port']],
  'known-replica': [[2, 'as the port']],
  'known-slave': [[2, 'as the port']],
  'known-sentinel': [[2, 'as the port']],
};

/** Finds numbers that Sentinel misreads: it reads `5s` as 5 milliseconds and `one` as 0, and starts. */
function ignoredArguments(line: ConfLine): readonly Finding[] {
  const option = line.name?.startsWith('sentinel ') === true ? line.name.slice('sentinel '.length) : '';
  const [found] = (SENTINEL_NUMBERS[option] ?? []).flatMap(([at, what]) => {
    const text = line.args[at] ?? '';
    const { rest, isOverflow } = parsePrefix(text);
    const isWhole =
      rest === '' && text !== '' && !isOverflow && String(atoi(text)) === text.replace(/^\+/, '');
    return isWhole ? [] : [{ text, what }];
  });
  if (found === undefined) return [];
  const reason = `'${found.text}' is not a whole number: Sentinel starts and takes ${atoi(found.text)} ${found.what}`;
  return [finding('warning', placeOf(line), reason, SENTINEL_C, 'write a whole number without a unit')];
}

/** Finds repeated directives: a later line silently overrides an earlier one. */
function findRepetitions(conf: Conf): readonly Finding[] {
  const first = new Map<string, number>();
  return conf.lines.flatMap((line): Finding[] => {
    const key = keyOf(line);
    if (key === undefined) return [];
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, line.line);
      return [];
    }
    const reason = `the directive is also on line ${before}; the last line takes effect`;
    return [finding('warning', placeOf(line), reason, CONFIG_C, 'keep one of the two lines')];
  });
}

function keyOf(line: ConfLine): string | undefined {
  const name = line.name ?? '';
  const option = name.startsWith('sentinel ')
    ? SENTINEL_OPTIONS.get(name.slice('sentinel '.length))
    : undefined;
  if (option !== undefined) {
    if (option.isRepeatable) return undefined;
    return option.isOfMaster ? `${name} ${line.args[0]}` : name;
  }
  return entriesNamed(name).length === 0 || isRepeatable(name) ? undefined : canonicalName(name);
}
