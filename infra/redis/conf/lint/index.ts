/**
 * Reports the errors of a redis.conf, valkey.conf or sentinel.conf: line, reason with its source, remedy. Pure: it
 * reads only the text, so included files, ACL files and facts about the machine are out of scope.
 *
 * text + servers ─▶ lines ─▶ start rules (does each server start?) ─▶ rules of its kind over the accepted lines
 *                                                                  ─▶ findings by line, worst first on each
 */

import type { ServerVersion } from '../../server-version.ts';
import { canonicalName } from '../grammar/index.ts';
import { quoteOptions } from '../grammar/value.ts';
import { type ConfLine, parseConf, type QuoteOptions } from '../text.ts';
import { Conf } from './conf.ts';
import type { Finding, Severity } from './finding.ts';
import { detectFamily, type LintTarget, serversOf } from './known-servers.ts';
import { redisRules } from './redis-rules.ts';
import { sentinelRules } from './sentinel-rules.ts';
import type { Mode } from './start/index.ts';
import { startRules } from './start-rules.ts';
import { syntaxRules } from './syntax-rules.ts';
import { checkText } from './text-rules.ts';

export type { Finding, Severity } from './finding.ts';
export { type LintTarget, parseTarget } from './known-servers.ts';

export interface LintOptions {
  /** Kind of the file; default: `sentinel` if the text has a `sentinel` line, else `redis`. */
  readonly kind?: 'redis' | 'sentinel';
  /**
   * Target server; without a version, every supported version. Default: Valkey if a line exists only in Valkey, else
   * Redis.
   */
  readonly target?: LintTarget;
  /** Number of cores of the target machine; if absent, io-threads is not checked. */
  readonly cores?: number;
}

const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

export function lintConf(text: string, options: LintOptions = {}): Finding[] {
  const read = (quotes: QuoteOptions) => parseConf(text, quotes).filter((line) => line.name !== undefined);
  const strict = read({});
  const mode = options.kind === undefined ? detectMode(strict) : MODES[options.kind];
  const servers = serversOf(options.target ?? { family: detectFamily(strict) });
  const binary = checkText(text, servers, mode);
  if (binary !== undefined) return [binary];
  const mixed = servers.some((server) => quoteOptions(server).allowsMixedWords === true)
    ? read({ allowsMixedWords: true })
    : strict;
  const linesFor = (server: ServerVersion) =>
    quoteOptions(server).allowsMixedWords === true ? mixed : strict;
  const start = startRules(linesFor, servers, mode);
  return [...start.findings, ...rulesOf(start.invalidLines)].sort(
    (a, b) =>
      a.line - b.line || ORDER[a.severity] - ORDER[b.severity] || a.directive.localeCompare(b.directive),
  );

  function rulesOf(invalid: ReadonlySet<number>): readonly Finding[] {
    const lines = mixed;
    const conf = new Conf(lines.filter(({ line }) => !invalid.has(line)));
    const names = new Set(
      lines.filter(({ line }) => invalid.has(line)).map(({ name }) => canonicalName(name ?? '')),
    );
    const found = [
      ...syntaxRules(conf, servers),
      ...(mode === 'sentinel'
        ? sentinelRules(conf, servers)
        : redisRules(conf, { servers, cores: options.cores })),
    ];
    // A directive does not count as missing if one of its lines was refused.
    return found.filter(({ line, directive }) => line !== 0 || !names.has(directive));
  }
}

const MODES = { redis: 'server', sentinel: 'sentinel' } as const;

function detectMode(lines: readonly ConfLine[]): Mode {
  return lines.some(({ name }) => name?.startsWith('sentinel ') === true) ? 'sentinel' : 'server';
}
