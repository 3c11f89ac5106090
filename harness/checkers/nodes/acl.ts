/**
 * Parses the rules of an ACL user into the permissions that they grant. Pure.
 *
 * A server prints a user's rules in a different order and with different categories (Redis 7.0
 * rebuilds them from a bitmap), so texts cannot be compared. The rules of both sides are applied
 * here, one by one, to the commands that the server itself assigns to each category, and the
 * results are compared.
 */

export interface AclUser {
  readonly isOn: boolean;
  readonly isPasswordless: boolean;
  readonly passwords: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
  readonly channels: ReadonlySet<string>;
  /** Command rules, in order. */
  readonly commands: readonly string[];
  /** Rules in parentheses: additional sets of permissions, each with keys, channels and commands. */
  readonly selectors: readonly string[];
  /** Whether RESTORE accepts payloads unchecked. */
  readonly skipsSanitizing: boolean;
}

export type Classes = ReadonlyMap<string, readonly string[]>;

/** Parses a user. @param rules the rules of an ACL line, without `user <name>` */
export function parseUser(rules: string): AclUser {
  const user = {
    isOn: false,
    isPasswordless: false,
    skipsSanitizing: false,
    passwords: new Set<string>(),
    keys: new Set<string>(),
    channels: new Set<string>(),
    commands: [] as string[],
    selectors: [] as string[],
  };
  const words: Readonly<Record<string, () => void>> = {
    on: () => (user.isOn = true),
    off: () => (user.isOn = false),
    nopass: () => (user.isPasswordless = true),
    resetpass: () => {
      user.isPasswordless = false;
      user.passwords.clear();
    },
    allkeys: () => user.keys.add('~*'),
    resetkeys: () => user.keys.clear(),
    allchannels: () => user.channels.add('&*'),
    resetchannels: () => user.channels.clear(),
    allcommands: () => user.commands.push('+@all'),
    nocommands: () => user.commands.push('-@all'),
    clearselectors: () => (user.selectors.length = 0),
    'skip-sanitize-payload': () => (user.skipsSanitizing = true),
    'sanitize-payload': () => (user.skipsSanitizing = false),
  };
  for (const rule of rules.match(/\([^)]*\)|\S+/g) ?? []) {
    if (Object.hasOwn(words, rule)) words[rule]?.();
    else if (rule.startsWith('(')) user.selectors.push(rule.slice(1, -1).trim());
    else if (/^[#>]/.test(rule)) user.passwords.add(rule);
    else if (/^[~%]/.test(rule)) user.keys.add(rule.replace(/^%(RW|WR)~/i, '~'));
    else if (rule.startsWith('&')) user.channels.add(rule);
    else if (/^[+-]/.test(rule)) user.commands.push(rule.toLowerCase());
  }
  return user;
}

/** Returns every command that any of the user's sets of permissions allows, with subcommands as `config|get`. */
export function allowedCommands(user: AclUser, classes: Classes): ReadonlySet<string> {
  const sets = [user.commands, ...user.selectors.map((rules) => parseUser(rules).commands)];
  return new Set(sets.flatMap((rules) => [...applyRule(rules, classes)]));
}

function applyRule(rules: readonly string[], classes: Classes): ReadonlySet<string> {
  const known = new Set([...classes.values()].flat());
  const allowed = new Set<string>();
  for (const rule of rules) {
    const name = rule.slice(1);
    const commands =
      name === '@all' ? known : name.startsWith('@') ? classes.get(name.slice(1)) : namedUser(name, known);
    for (const command of commands ?? []) {
      if (rule.startsWith('+')) allowed.add(command);
      else allowed.delete(command);
    }
  }
  return allowed;
}

/**
 * Returns a command with all of its subcommands; a command without a category (a first argument such as `select|0`) is
 * returned alone.
 */
function namedUser(name: string, known: ReadonlySet<string>): readonly string[] {
  const found = [...known].filter((command) => command === name || command.startsWith(`${name}|`));
  return found.length > 0 ? found : [name];
}

/** Describes the differences between a user and its rendered rules; empty if there are none. */
export function compareUsers(live: AclUser, rendered: AclUser, classes: Classes): readonly string[] {
  const found: string[] = [];
  if (live.isOn !== rendered.isOn) found.push(live.isOn ? 'is on' : 'is off');
  if (live.isPasswordless !== rendered.isPasswordless) {
    found.push(live.isPasswordless ? 'needs no password' : 'needs a password');
  }
  if (live.skipsSanitizing !== rendered.skipsSanitizing) found.push('restores payloads unchecked');
  if (!equalSets(live.passwords, rendered.passwords)) found.push('has different passwords');
  const mine = allowedCommands(live, classes);
  const wanted = allowedCommands(rendered, classes);
  const extra = [...mine].filter((command) => !wanted.has(command));
  const lacking = [...wanted].filter((command) => !mine.has(command));
  if (extra.length > 0) found.push(`may also run ${listCommands(extra)}`);
  if (lacking.length > 0) found.push(`may not run ${listCommands(lacking)}`);
  if (!equalSets(live.keys, rendered.keys)) found.push(`has the keys ${listCommands([...live.keys])}`);
  if (!equalSets(live.channels, rendered.channels))
    found.push(`has the channels ${listCommands([...live.channels])}`);
  if (live.selectors.length !== rendered.selectors.length)
    found.push(`has ${live.selectors.length} selectors`);
  return found;
}

function equalSets(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}

const MOST_LISTED = 4;

export function listCommands(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const sorted = [...names].sort();
  const more = sorted.length > MOST_LISTED ? ` and ${sorted.length - MOST_LISTED} more` : '';
  return `${sorted.slice(0, MOST_LISTED).join(', ')}${more}`;
}
