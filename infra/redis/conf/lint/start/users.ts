/**
 * `user` lines: checked when they are read (`ACLAppendUserForLoading`), and again when the server has loaded its
 * modules (`ACLLoadConfiguredUsers`): only then must each command and category exist.
 */

import { hasFeaturesOf, type ServerVersion } from '../../../server-version.ts';
import { commandNames } from '../../grammar/commands.ts';
import type { ConfLine } from '../../text.ts';
import { isNewerThanMeasured } from '../known-servers.ts';
import { type Reading, type Refusal, refusal } from './refusal.ts';
import { faultsOf, type RuleContext } from './user-rules.ts';

const ACL_C = 'src/acl.c';

export function userRefusals(reading: Reading): readonly Refusal[] {
  const { lines, server } = reading;
  const commands = commandNames(server, reading.mode);
  const atEnd = pubsubDefault(lines.findLast(isPubsubDefault), server);
  const seen = new Set<string>();
  const found: Refusal[] = [];
  let whenRead = pubsubDefault(undefined, server);
  for (const line of lines) {
    if (isPubsubDefault(line)) whenRead = pubsubDefault(line, server);
    if (line.name !== 'user' || line.args.length === 0) continue;
    const [name = ''] = line.args;
    const isDuplicate = seen.has(name) && hasFeaturesOf(server, '7.0');
    seen.add(name);
    const contexts = [...new Set([whenRead, atEnd])].map((startsWithAllChannels) => ({
      server,
      commands,
      startsWithAllChannels,
    }));
    const [first] = isDuplicate
      ? [duplicateUser(line)]
      : [...nameRefusals(line), ...contexts.flatMap((context) => ruleRefusals(line, context, reading))];
    if (first !== undefined) found.push(first);
  }
  return found;
}

function ruleRefusals(line: ConfLine, context: RuleContext, reading: Reading): readonly Refusal[] {
  const { server } = context;
  const merged = hasFeaturesOf(server, '7.0')
    ? mergeSelectors(line.args.slice(1), server)
    : line.args.slice(1);
  if (merged === undefined) {
    const reason = 'a selector is not closed';
    return [refusal(line, reason, 'allowed: a parenthesis that opens and closes', { source: ACL_C })];
  }
  return faultsOf(merged, context).map(({ kind, reason, allowed }) =>
    refusal(line, reason, `allowed: ${allowed}`, {
      source: ACL_C,
      isCertain: kind === 'syntax' || !(reading.isOpenEnded || isNewerThanMeasured(server)),
    }),
  );
}

const isPubsubDefault = (line: ConfLine) => line.name === 'acl-pubsub-default';

/** Whether new users may use all channels, which is the default up to 6.2. */
function pubsubDefault(line: ConfLine | undefined, server: ServerVersion): boolean {
  return line === undefined ? !hasFeaturesOf(server, '7.0') : line.args[0]?.toLowerCase() === 'allchannels';
}

function duplicateUser(line: ConfLine): Refusal {
  const reason = `the user '${line.args[0]}' is defined twice`;
  return refusal(line, reason, 'put all rules of a user into one line', { source: ACL_C });
}

function nameRefusals(line: ConfLine): readonly Refusal[] {
  const [name = ''] = line.args;
  if (!/[ \t\n\v\f\r\0]/.test(name)) return [];
  return [
    refusal(line, `the name '${name}' has a space`, 'allowed: a name without spaces', { source: ACL_C }),
  ];
}

/**
 * Merges the words of a selector, as `ACLMergeSelectorArguments` does: `(+get ~a*)` is two words. Undefined if a
 * parenthesis is not closed.
 */
function mergeSelectors(rules: readonly string[], server: ServerVersion): readonly string[] | undefined {
  const merged: string[] = [];
  let open: string | undefined;
  for (const rule of rules) {
    const opens = rule.startsWith('(') && !rule.endsWith(')');
    // 7.0 discards an open selector when another one opens; later versions append the new word to the open one.
    if (opens && (open === undefined || !keepsOpenSelector(server))) open = rule;
    else if (open === undefined) merged.push(rule);
    else {
      open += ` ${rule}`;
      if (rule.endsWith(')')) {
        merged.push(open);
        open = undefined;
      }
    }
  }
  return open === undefined ? merged : undefined;
}

function keepsOpenSelector(server: ServerVersion): boolean {
  return hasFeaturesOf(server, '7.2');
}

/** Refuses `user` lines in a file that also names an ACL file, because the two exclude each other. */
export function userSourceRefusals({ lines }: Reading): readonly Refusal[] {
  const user = lines.find((line) => line.name === 'user');
  const file = lines.findLast((line) => line.name === 'aclfile')?.args[0] ?? '';
  if (user === undefined || file === '') return [];
  const reason = 'users in this file and an aclfile exclude each other';
  return [refusal(user, reason, 'keep the users in the aclfile', { source: ACL_C })];
}
