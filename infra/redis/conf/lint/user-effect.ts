/** Effective rights of a user: the result of its rules in sequence. */
import { parseAddress } from '../grammar/addresses.ts';
import type { ConfLine } from '../text.ts';
import type { Conf } from './conf.ts';

export interface UserEffect {
  readonly isOn: boolean;
  /** Whether the user needs no password: the server accepts any password, or none. */
  readonly isNoPass: boolean;
  readonly hasAllKeys: boolean;
  /** Whether the user has all commands, possibly with exceptions. */
  readonly hasAllCommands: boolean;
  /** Commands and categories that were added and not removed again. */
  readonly grants: readonly string[];
}

const NOTHING: UserEffect = {
  isOn: false,
  isNoPass: false,
  hasAllKeys: false,
  hasAllCommands: false,
  grants: [],
};

/** Rights of the default user if no line defines it. */
const OPEN_DEFAULT: UserEffect = {
  ...NOTHING,
  isOn: true,
  isNoPass: true,
  hasAllKeys: true,
  hasAllCommands: true,
};

/**
 * Returns the rights of a new user, or of the default user after its reset, with the rules in the user's line applied.
 */
export function effectOf({ args }: ConfLine): UserEffect {
  return args.slice(1).reduce(withRule, NOTHING);
}

function withRule(user: UserEffect, rule: string): UserEffect {
  switch (rule.toLowerCase()) {
    case 'on':
      return { ...user, isOn: true };
    case 'off':
      return { ...user, isOn: false };
    case 'nopass':
      return { ...user, isNoPass: true };
    case 'resetpass':
      return { ...user, isNoPass: false };
    case 'reset':
      return NOTHING;
    case 'allkeys':
    case '~*':
      return { ...user, hasAllKeys: true };
    case 'resetkeys':
      return { ...user, hasAllKeys: false };
    case 'allcommands':
    case '+@all':
      return { ...user, hasAllCommands: true, grants: [] };
    case 'nocommands':
    case '-@all':
      return { ...user, hasAllCommands: false, grants: [] };
    default:
      return withOtherRule(user, rule);
  }
}

function withOtherRule(user: UserEffect, rule: string): UserEffect {
  if (/^[>#]/.test(rule)) return { ...user, isNoPass: false };
  if (rule.startsWith('+')) return { ...user, grants: [...user.grants, rule.slice(1).toLowerCase()] };
  if (!rule.startsWith('-')) return user;
  const taken = rule.slice(1).toLowerCase();
  return {
    ...user,
    grants: user.grants.filter((grant) => grant !== taken && !grant.startsWith(`${taken}|`)),
  };
}

/** Commands that neither read nor change data or settings. */
const HARMLESS = new Set('auth hello ping echo reset quit'.split(' '));

/** Whether the user can run a command that reads or changes anything. */
function isPowerful({ hasAllCommands, grants }: UserEffect): boolean {
  return hasAllCommands || grants.some((grant) => !HARMLESS.has(grant));
}

/** Returns the effective rights of the default user; undefined if an ACL file defines them. */
function defaultUser(conf: Conf): UserEffect | undefined {
  if (conf.value('aclfile', '') !== '') return undefined;
  const line = defaultUserLine(conf);
  if (line !== undefined) return effectOf(line);
  return { ...OPEN_DEFAULT, isNoPass: conf.value('requirepass', '') === '' };
}

/** Returns the last line that defines the default user: 6.2 accepts two lines. */
export function defaultUserLine(conf: Conf): ConfLine | undefined {
  return conf.lines.findLast(({ name, args }) => name === 'user' && args[0] === 'default');
}

/** Whether every connection can use the server without a password. */
export function allowsAnonymousAccess(conf: Conf): boolean {
  const user = defaultUser(conf);
  return user?.isOn === true && user.isNoPass && isPowerful(user);
}

/** Whether only processes on this machine can connect to the address. */
export function isLoopback(word: string): boolean {
  const address = word.replace(/^-/, '');
  const known = parseAddress(address);
  return address === 'localhost' || known === '0:0:0:0:0:0:0:1' || known?.startsWith('127.') === true;
}
