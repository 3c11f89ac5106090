/**
 * What any line may get wrong, whatever it means: quotes, names, numbers of arguments, values, repetitions, versions.
 */
import { didYouMean } from '../../config/spelling.ts';
import { parseBytes } from '../../config/units.ts';
import type { ConfLine } from '../conf-text.ts';
import {
  type Directive,
  REDIS_DIRECTIVES,
  SENTINEL_DIRECTIVES,
  type SentinelDirective,
  type ValueKind,
} from '../directives.ts';
import { atLeast } from '../versions.ts';
import type { Conf } from './conf.ts';
import type { Finding } from './finding.ts';

const CONFIG_C = 'src/config.c';
const SENTINEL_C = 'src/sentinel.c';

export function syntaxRules(conf: Conf, version: string | undefined): readonly Finding[] {
  return [...conf.lines.flatMap((line) => lineRules(line, version)), ...repetitions(conf)];
}

function lineRules(line: ConfLine, version: string | undefined): readonly Finding[] {
  const name = line.name ?? '';
  const error = (reason: string, remedy: string, source = CONFIG_C): Finding[] => [
    { line: line.line, directive: name, severity: 'error', reason, source, remedy },
  ];
  if (line.broken !== undefined)
    return error(`${line.broken}: the server does not start`, 'close the quote, or escape it');
  const comment = line.args.findIndex((arg) => arg.startsWith('#'));
  if (comment > 0 && name !== 'user') {
    return error(
      `'${line.args.slice(comment).join(' ')}' is read as arguments: a comment needs a line of its own`,
      'move the comment to the line above',
    );
  }
  if (name === 'sentinel' || name.startsWith('sentinel ')) return sentinelLine(line, name.slice(9));
  const directive = REDIS_DIRECTIVES.get(name);
  if (directive === undefined) {
    const guess = didYouMean(name, [...REDIS_DIRECTIVES.keys()]);
    return error(
      `no Redis from 7.0 to 8.x knows '${name}': the server does not start${guess}`,
      'correct the name, or remove the line',
    );
  }
  return [...badArguments(line, directive), ...tooNew(line, directive, version), ...oldName(line, directive)];
}

function badArguments(line: ConfLine, { value }: Directive): readonly Finding[] {
  const allowed = describe(value);
  const [least, most] = value.kind === 'text' ? value.arguments : [1, 1];
  const said = line.args.join(' ');
  const fits =
    line.args.length >= least && line.args.length <= most && (value.kind === 'text' || isValue(said, value));
  if (fits) return [];
  return [
    {
      line: line.line,
      directive: line.name ?? '',
      severity: 'error',
      reason: `'${said}' is not allowed: the server does not start`,
      source: CONFIG_C,
      remedy: `allowed: ${allowed}`,
    },
  ];
}

function isValue(text: string, value: Exclude<ValueKind, { kind: 'text' }>): boolean {
  switch (value.kind) {
    case 'switch':
      return /^(yes|no)$/i.test(text);
    case 'choice':
      return value.of.includes(text.toLowerCase());
    case 'size': {
      const size = parseBytes(text);
      return size !== undefined && size >= value.min && !/\s/.test(text);
    }
    case 'number':
      return /^-?\d+$/.test(text) && Number(text) >= value.min && Number(text) <= value.max;
  }
}

function describe(value: ValueKind): string {
  switch (value.kind) {
    case 'switch':
      return 'yes or no';
    case 'choice':
      return value.of.join(', ');
    case 'size':
      return 'a size such as 512mb (units b, k, kb, m, mb, g, gb; no space before the unit)';
    case 'number':
      return `a whole number from ${value.min} to ${value.max}`;
    case 'text':
      return value.arguments[0] === value.arguments[1]
        ? `${value.arguments[0]} argument(s)`
        : `${value.arguments[0]} to ${value.arguments[1]} arguments`;
  }
}

function tooNew(line: ConfLine, { since }: Directive, version: string | undefined): readonly Finding[] {
  if (since === undefined || (version !== undefined && atLeast(version, since))) return [];
  return [
    {
      line: line.line,
      directive: line.name ?? '',
      severity: version === undefined ? 'warning' : 'error',
      reason: `it came with Redis ${since}; an older server does not start${version === undefined ? '' : `, and this is for ${version}`}`,
      source: CONFIG_C,
      remedy: `remove it, or run Redis ${since} or newer`,
    },
  ];
}

function oldName(line: ConfLine, { aliasOf }: Directive): readonly Finding[] {
  if (aliasOf === undefined) return [];
  const ziplist = line.name?.includes('ziplist');
  return [
    {
      line: line.line,
      directive: line.name ?? '',
      severity: ziplist ? 'warning' : 'info',
      reason: `${ziplist ? 'ziplists are gone since 7.0; ' : ''}'${line.name}' is kept only as another name of '${aliasOf}'`,
      source: CONFIG_C,
      remedy: `write ${aliasOf} ${line.args.join(' ')}`,
    },
  ];
}

function sentinelLine(line: ConfLine, option: string): readonly Finding[] {
  const directive = SENTINEL_DIRECTIVES.get(option);
  const error = (reason: string, remedy: string): Finding[] => [
    { line: line.line, directive: line.name ?? '', severity: 'error', reason, source: SENTINEL_C, remedy },
  ];
  if (directive === undefined) {
    const guess = didYouMean(option, [...SENTINEL_DIRECTIVES.keys()]);
    return error(
      `Sentinel knows no option '${option}' and does not start${guess}`,
      'correct the name, or remove the line',
    );
  }
  const [least, most] = directive.arguments;
  if (line.args.length < least || line.args.length > most) {
    return error(
      `'${line.args.join(' ')}' has ${line.args.length} arguments: Sentinel does not start`,
      `give ${least}${most > least ? ` to ${most}` : ''}`,
    );
  }
  return badNumbers(line, directive, error);
}

function badNumbers(
  line: ConfLine,
  { numbers = [] }: SentinelDirective,
  error: (reason: string, remedy: string) => Finding[],
): readonly Finding[] {
  const bad = numbers.map((i) => line.args[i] ?? '').find((text) => !/^[1-9]\d*$/.test(text));
  return bad === undefined
    ? []
    : error(`'${bad}' is not allowed: Sentinel does not start`, 'allowed: a whole number above 0');
}

/** The last one silently wins, which is rarely what the writer of the first believes. */
function repetitions(conf: Conf): readonly Finding[] {
  const first = new Map<string, number>();
  return conf.lines.flatMap((line): Finding[] => {
    const key = keyOf(line);
    if (key === undefined) return [];
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, line.line);
      return [];
    }
    return [
      {
        line: line.line,
        directive: line.name ?? '',
        severity: 'warning',
        reason: `it stands on line ${before} too; the last one wins`,
        source: CONFIG_C,
        remedy: 'keep one of the two',
      },
    ];
  });
}

function keyOf(line: ConfLine): string | undefined {
  const name = line.name ?? '';
  const option = name.startsWith('sentinel ') ? name.slice(9) : undefined;
  const directive = option === undefined ? undefined : SENTINEL_DIRECTIVES.get(option);
  if (directive !== undefined) {
    if (directive.repeatable === true) return undefined;
    return directive.ofMaster ? `${name} ${line.args[0]}` : name;
  }
  const redis = REDIS_DIRECTIVES.get(name);
  if (redis === undefined || redis.repeatable) return undefined;
  return redis.aliasOf ?? name;
}
