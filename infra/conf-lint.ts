/**
 * Says what a redis.conf or sentinel.conf gets wrong: line, reason with its source, remedy. Pure: it sees the text alone,
 * so that what an `include` or an ACL file adds is outside its view.
 *
 * text ─▶ Conf ─▶ syntax rules + the rules of its kind ─▶ findings, worst first on each line
 */
import { Conf } from './lint/conf.ts';
import type { Finding, Severity } from './lint/finding.ts';
import { redisRules } from './lint/redis-rules.ts';
import { sentinelRules } from './lint/sentinel-rules.ts';
import { syntaxRules } from './lint/syntax-rules.ts';

export type { Finding, Severity } from './lint/finding.ts';

export interface LintOptions {
  /** Default: `sentinel` where the text has a `sentinel` line. */
  readonly kind?: 'redis' | 'sentinel';
  /** The version that it is for; without it, all from 7.0 to 8.x. */
  readonly version?: string;
  /** Cores of the machine that it is for; without it io-threads is not judged. */
  readonly cores?: number;
}

const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

export function lintConf(text: string, options: LintOptions = {}): Finding[] {
  const conf = new Conf(text);
  const kind = options.kind ?? confKind(conf);
  const rules = kind === 'sentinel' ? sentinelRules(conf) : redisRules(conf, options.cores);
  return [...syntaxRules(conf, options.version), ...rules].sort(
    (a, b) =>
      a.line - b.line || ORDER[a.severity] - ORDER[b.severity] || a.directive.localeCompare(b.directive),
  );
}

function confKind(conf: Conf): 'redis' | 'sentinel' {
  return conf.lines.some((line) => line.name?.startsWith('sentinel') === true) ? 'sentinel' : 'redis';
}
