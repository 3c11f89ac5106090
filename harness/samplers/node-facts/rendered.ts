/**
 * Returns, as fields of an observation, the files that the kit renders for a node: directives by name and users by
 * name, without passwords.
 */
import { directivesOf, SECRET_DIRECTIVES } from '../../../infra/redis/conf/directive-values.ts';
import type { RenderedNode } from '../../../infra/substrates/environment.ts';
import type { Redaction } from './redaction.ts';

export type Fields = Readonly<Record<string, string | number | boolean | null>>;

export function renderedDirectives({ conf }: RenderedNode, redaction: Redaction): Fields {
  const fields: Record<string, string> = {};
  for (const [name, value] of directivesOf(conf)) {
    fields[name] = SECRET_DIRECTIVES.has(name) ? redactLast(value, redaction) : value;
  }
  return fields;
}

/** Directives of a sentinel that no command reports; only these are recorded of the file that it keeps. */
const UNREPORTED = new Set([
  ...['bind', 'protected-mode', 'unixsocket', 'maxclients', 'timeout', 'tcp-keepalive'],
  ...['auth-user', 'auth-pass', 'rename-command', 'deny-scripts-reconfig'].map((name) => `sentinel ${name}`),
  ...['notification-script', 'client-reconfig-script'].map((name) => `sentinel ${name}`),
  ...['master', 'primary'].map((role) => `sentinel ${role}-reboot-down-after-period`),
]);

/** Returns the directives that no command reports, from the sentinel.conf that a sentinel keeps. */
export function keptDirectives(conf: string, redaction: Redaction): Fields {
  const all = renderedDirectives({ conf, users: '' }, redaction);
  return Object.fromEntries(Object.entries(all).filter(([name]) => UNREPORTED.has(name)));
}

/** Redacts the last argument, which is the password in `sentinel auth-pass mymaster secret`. */
function redactLast(value: string, redaction: Redaction): string {
  const space = value.lastIndexOf(' ');
  return value.slice(0, space + 1) + redaction.digest(value.slice(space + 1));
}

/** Parses the lines `user <name> <rules>` of an ACL file, or of the reply to ACL LIST. */
export function userFields(lines: readonly string[], redaction: Redaction): Fields {
  const fields: Record<string, string> = {};
  for (const line of lines) {
    const [, name, rules] = /^user (\S+) ?(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined && rules !== undefined) fields[name] = redaction.rules(rules);
  }
  return fields;
}
