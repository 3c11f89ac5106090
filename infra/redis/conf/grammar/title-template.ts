/** proc-title-template: text with `{variables}` (`sdstemplate` of sds.c, `redisProcTitleGetVariable` of server.c). */
import { cString } from './numbers.ts';
import { type Check, problem } from './value.ts';

const VARIABLES = ['title', 'listen-addr', 'server-mode', 'config-file', 'port', 'tls-port', 'unixsocket'];

const ALLOWED = `text with ${VARIABLES.map((name) => `{${name}}`).join(', ')}; {{ for a brace; not empty`;

/** Checks the template. Whether the title is empty also depends on other lines: see the lint's `together.ts`. */
export const titleTemplate: Check = ([word = '']) => {
  const template = cString(word);
  return isTemplate(template) ? undefined : problem(template, ALLOWED);
};

function isTemplate(template: string): boolean {
  const parts = template.match(/\{\{|\{[^}]*\}?/g) ?? [];
  return parts.every(
    (part) => part === '{{' || (part.endsWith('}') && VARIABLES.includes(part.slice(1, -1))),
  );
}
