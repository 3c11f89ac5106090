/**
 * The rules of one ACL user, applied in sequence as `ACLSetUser` and `ACLSetSelector` in acl.c do. Tracks the state
 * that affects later rules: all keys, all channels, existing passwords. Left out: the resulting rights.
 */
import { sha256Hex } from '../../../../../config/digest.ts';
import { atLeast, hasFeaturesOf, type ServerVersion } from '../../../server-version.ts';
import { type Availability, isAvailable, sincePatches } from '../../grammar/availability.ts';
import { CATEGORIES } from '../../grammar/commands.ts';
import { INT_MAX, parsePrefix } from '../../grammar/numbers.ts';
import { quoteOptions } from '../../grammar/value.ts';
import { splitArguments } from '../../text.ts';

/** `unknown`: a command or category that a module may define; the server reports it after loading modules. */
export interface RuleFault {
  readonly kind: 'unknown' | 'syntax';
  readonly reason: string;
  readonly allowed: string;
}

export interface RuleContext {
  readonly server: ServerVersion;
  /** Names of the commands, in lower case. */
  readonly commands: ReadonlySet<string>;
  /** Whether a new user may use all channels (acl-pubsub-default allchannels). */
  readonly startsWithAllChannels: boolean;
}

interface Selector {
  hasAllKeys: boolean;
  hasAllChannels: boolean;
}

interface User extends Selector {
  /** Hashes of the passwords: SHA-256, in hexadecimal digits. */
  readonly passwords: Set<string>;
}

const syntax = (reason: string, allowed: string): RuleFault => ({ kind: 'syntax', reason, allowed });
const unknown = (reason: string, allowed: string): RuleFault => ({ kind: 'unknown', reason, allowed });

const isValkey91 = ({ family, version }: ServerVersion) => family === 'valkey' && atLeast(version, '9.1');

/** Returns the first rule that the server refuses, and the faults that it reports only after loading modules. */
export function faultsOf(rules: readonly string[], context: RuleContext): readonly RuleFault[] {
  const user: User = { ...newSelector(context), passwords: new Set() };
  const faults: RuleFault[] = [];
  for (const rule of rules) {
    const fault = applyToUser(user, rule, context);
    if (fault === undefined) continue;
    faults.push(fault);
    if (fault.kind === 'syntax') break;
  }
  return faults;
}

function newSelector({ startsWithAllChannels }: RuleContext): Selector {
  return { hasAllKeys: false, hasAllChannels: startsWithAllChannels };
}

function applyToUser(user: User, rule: string, context: RuleContext): RuleFault | undefined {
  const word = rule.toLowerCase();
  if (rule === '' || /^(?:on|off|skip-sanitize-payload|sanitize-payload)$/.test(word)) return undefined;
  if (word === 'nopass' || word === 'resetpass') {
    user.passwords.clear();
    return undefined;
  }
  if (/^[>#<!]/.test(rule)) return applyPassword(user, rule);
  if (hasFeaturesOf(context.server, '7.0')) {
    if (rule.startsWith('(') && rule.endsWith(')')) return checkSelector(rule.slice(1, -1), context);
    if (word === 'clearselectors') return undefined;
  }
  if (word === 'reset') {
    user.passwords.clear();
    Object.assign(user, newSelector(context));
    return undefined;
  }
  return applyToSelector(user, rule, context);
}

function applyPassword(user: User, rule: string): RuleFault | undefined {
  const [kind = '', secret] = [rule[0], rule.slice(1)];
  const isHash = kind === '#' || kind === '!';
  if (isHash && !/^[0-9a-f]{64}$/.test(secret)) {
    return syntax(
      'the hash of a password is not 64 hexadecimal digits in lower case',
      'the SHA-256 of the password as 64 digits 0-9a-f',
    );
  }
  const hash = isHash ? secret : sha256Hex(secret);
  if (kind === '>' || kind === '#') user.passwords.add(hash);
  else if (!user.passwords.delete(hash)) {
    return syntax('the user has no such password to remove', 'remove the rule');
  }
  return undefined;
}

function checkSelector(text: string, context: RuleContext): RuleFault | undefined {
  const selector = newSelector(context);
  for (const rule of splitArguments(text, quoteOptions(context.server)) ?? []) {
    const fault = applyToSelector(selector, rule, context);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function applyToSelector(selector: Selector, rule: string, context: RuleContext): RuleFault | undefined {
  const word = rule.toLowerCase();
  if (word === 'allkeys' || word === '~*') selector.hasAllKeys = true;
  else if (word === 'resetkeys') selector.hasAllKeys = false;
  else if (word === 'allchannels' || word === '&*') selector.hasAllChannels = true;
  else if (word === 'resetchannels') selector.hasAllChannels = false;
  else if (/^(?:allcommands|\+@all|nocommands|-@all)$/.test(word)) return undefined;
  else if (rule.startsWith('~')) return keyPattern(selector, rule.slice(1));
  else if (rule.startsWith('%') && hasFeaturesOf(context.server, '7.0'))
    return keyPermission(selector, rule, context.server);
  else if (rule.startsWith('&')) return channelPattern(selector, rule.slice(1));
  else if (/^[+-]@/.test(rule)) return checkCategory(rule);
  else if (rule.startsWith('+')) return addedCommand(rule.slice(1), context);
  else if (rule.startsWith('-')) return checkCommand(rule.slice(1), context);
  else if (isValkey91(context.server) && /^(?:alldbs|resetdbs|db=)/.test(word)) return checkDatabases(word);
  else return syntax(`${quoted(rule)} is not a rule`, RULES);
  return undefined;
}

const RULES =
  'on, off, nopass, >password, #hash, ~key pattern, &channel pattern, +command, -command, +@category, -@category, allkeys, …';

const quoted = (text: string) => `'${text.length > 80 ? `${text.slice(0, 80)}…` : text}'`;
const hasSpace = (text: string) => /[ \t\n\v\f\r\0]/.test(text);

function keyPattern(selector: Selector, pattern: string): RuleFault | undefined {
  if (selector.hasAllKeys) {
    return syntax(
      `the key pattern ${quoted(`~${pattern}`)} follows ~* or allkeys, which already includes it`,
      'remove one of the two, or add resetkeys between them',
    );
  }
  return hasSpace(pattern)
    ? syntax(`the key pattern ${quoted(`~${pattern}`)} has a space`, 'a pattern without spaces')
    : undefined;
}

/** Releases that refuse the rule `%`, which has no permission and no pattern (CVE-2024-51741). */
const BARE_REFUSED: Availability = {
  redis: sincePatches(['7.0.15', '7.2.7', '7.4.2'], '8.0'),
  valkey: sincePatches(['7.2.8', '8.0.2'], '8.1'),
};
/** Releases that refuse `%~pattern`, which has no permission: all except the milestones of Redis 8.0. */
const BARE_PATTERN_REFUSED: Availability = {
  redis: [{ from: '0', until: '7.9' }, { from: '8.0' }],
  valkey: { from: '0' },
};

function keyPermission(selector: Selector, rule: string, server: ServerVersion): RuleFault | undefined {
  const [, letters, pattern] = /^%([rw]*)(?:~(.*))?$/is.exec(rule) ?? [];
  const isTwice = letters !== undefined && new Set(letters.toLowerCase()).size < letters.length;
  const refusesBare = pattern === undefined ? BARE_REFUSED : BARE_PATTERN_REFUSED;
  const isBare = letters === '' && isAvailable(refusesBare, server);
  if (!selector.hasAllKeys && (letters === undefined || isTwice || isBare)) {
    return syntax(`${quoted(rule)} is not a key permission`, '%R~pattern, %W~pattern or %RW~pattern');
  }
  return keyPattern(selector, pattern ?? '');
}

function channelPattern(selector: Selector, pattern: string): RuleFault | undefined {
  if (selector.hasAllChannels) {
    return syntax(
      `the channel pattern ${quoted(`&${pattern}`)} follows &* or allchannels (or is set by acl-pubsub-default), which already includes it`,
      'add resetchannels before it',
    );
  }
  return hasSpace(pattern)
    ? syntax(`the channel pattern ${quoted(`&${pattern}`)} has a space`, 'a pattern without spaces')
    : undefined;
}

function checkCategory(rule: string): RuleFault | undefined {
  const name = rule.slice(2);
  return CATEGORIES.has(name.toLowerCase())
    ? undefined
    : unknown(`${quoted(`@${name}`)} is not a command category`, `all, ${[...CATEGORIES].join(', ')}`);
}

function checkCommand(name: string, { commands }: RuleContext): RuleFault | undefined {
  return commands.has(name.toLowerCase())
    ? undefined
    : unknown(`${quoted(name)} is not a command of this server`, 'a command, or container|subcommand');
}

function addedCommand(name: string, context: RuleContext): RuleFault | undefined {
  const { commands, server } = context;
  const bar = hasFeaturesOf(server, '7.0') ? name.lastIndexOf('|') : name.indexOf('|');
  if (bar === -1) return checkCommand(name, context);
  const [first, sub] = [name.slice(0, bar).toLowerCase(), name.slice(bar + 1)];
  if (!commands.has(first)) return checkCommand(first, context);
  if (first.includes('|')) {
    return syntax(
      `${quoted(name)} names an argument of a subcommand`,
      'a command, or one command and one word',
    );
  }
  if (sub === '') return syntax(`${quoted(name)} ends with |`, 'a subcommand after the |');
  const isContainer = [...commands].some((each) => each.startsWith(`${first}|`));
  return isContainer ? checkCommand(name, context) : undefined;
}

/** Checks the databases of a user (Valkey 9.1 and newer): integers from 0 to 2^31 - 1. */
function checkDatabases(word: string): RuleFault | undefined {
  if (word === 'alldbs' || word === 'resetdbs') return undefined;
  const isList = word
    .slice('db='.length)
    .split(',')
    .every((text) => {
      const { value, rest } = parsePrefix(text);
      return text !== '' && rest === '' && value >= 0n && value <= INT_MAX;
    });
  return isList
    ? undefined
    : syntax(`${quoted(word)} is not a list of databases`, 'db=0,1, alldbs or resetdbs');
}
