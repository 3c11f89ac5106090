/**
 * Formats findings as compilers do (`file:line: severity: reason`), so that editors can open them, followed by the
 * remedy.
 */
import { styleText } from 'node:util';
import type { Finding, Severity } from '../infra/redis/conf/lint/index.ts';

const COLOUR: Readonly<Record<Severity, 'red' | 'yellow' | 'dim'>> = {
  error: 'red',
  warning: 'yellow',
  info: 'dim',
};

export function findingsText(
  file: string,
  findings: readonly Finding[],
  { colour }: { readonly colour: boolean },
): string {
  const paint = (severity: Severity) =>
    colour ? styleText(COLOUR[severity], severity, { validateStream: false }) : severity;
  const blocks = findings.map(({ line, directive, severity, reason, source, remedy }) =>
    [
      `${file}${line === 0 ? '' : `:${line}`}: ${[paint(severity), directive, reason].filter((part) => part !== '').join(': ')}`,
      `    fix     ${remedy}`,
      `    source  ${source}`,
    ].join('\n'),
  );
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const summary = `${count('error')} errors, ${count('warning')} warnings, ${count('info')} remarks`;
  return [...blocks, `${file}: ${summary}`].join('\n');
}
