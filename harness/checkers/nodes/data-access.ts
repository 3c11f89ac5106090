/**
 * Judges which keys, channels and data each user reaches: every user except the admin reaches only what its work needs,
 * and there is no user with an unknown purpose. The lists below are a separate policy, independent of the renderer, so
 * they also find a rule that was rendered. `commands` judges the dangerous commands in the same way.
 */
import { type AclUser, allowedCommands, type Classes, listCommands, parseUser } from './acl.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';

/** Categories of the commands that read, change or remove entries. */
const DATA_CLASSES = ['keyspace', 'read', 'write'] as const;

/** Users that may reach everything. `default` is off; `users` judges that. */
const UNRESTRICTED: ReadonlySet<string> = new Set(['admin']);

const ALL = 'all';

interface Access {
  readonly keys: typeof ALL | 'none';
  /** Patterns of channels, without `&`. */
  readonly channels: typeof ALL | readonly string[];
  /** Commands in the data categories. */
  readonly data: typeof ALL | readonly string[];
}

const NOTHING: Access = { keys: 'none', channels: [], data: [] };
const HELLO: Access = { ...NOTHING, channels: ['__sentinel__:hello'] };

/** Access of each user on a Redis node. @param namespace namespace of the client, which names its channels */
function onRedis(namespace: string): ReadonlyMap<string, Access> {
  return new Map([
    ['app', { keys: ALL, channels: [`${namespace}:*`, '__redis__:invalidate'], data: ALL }],
    ['replication', NOTHING],
    ['sentinel', HELLO],
    // The number of keys is a metric. SELECT belongs to @keyspace up to Redis 6.2.
    ['exporter', { ...NOTHING, data: ['dbsize', 'select'] }],
    // FUNCTION LOAD belongs to @write.
    ['loader', { ...NOTHING, data: ['function|load'] }],
    ['watchdog', NOTHING],
    ['health', NOTHING],
  ]);
}

/** Access of each user on a sentinel, whose channels are named after its events. */
const ON_SENTINEL: ReadonlyMap<string, Access> = new Map([
  ['app', { ...NOTHING, channels: ALL }],
  ['peer', HELLO],
  ['exporter', NOTHING],
  ['watchdog', NOTHING],
  ['health', NOTHING],
]);

export const dataAccess = nodeRule({
  id: 'data-access',
  proves: 'every user except the admin reaches only the keys, channels and data that its work needs',
  of: 'all',
  judge(view, about) {
    const { users, classes } = view;
    if (users === undefined) return { wrong: [], checked: 0, missing: 'ACL LIST' };
    if (classes === undefined) {
      return about.probe.when === 'between'
        ? { wrong: [], checked: 0 }
        : { wrong: [], checked: 0, missing: 'ACL CAT' };
    }
    return judgeUsers(view, users, classes, about);
  },
});

function judgeUsers(
  { id }: NodeView,
  users: ReadonlyMap<string, string>,
  classes: Classes,
  { environment }: RuleContext,
): Judged {
  const known = id.startsWith('redis') ? onRedis(environment.client.namespace) : ON_SENTINEL;
  const data = new Set(DATA_CLASSES.flatMap((name) => classes.get(name) ?? []));
  const wrong = [...users].flatMap(([name, rules]): Wrong[] => {
    const user = parseUser(rules);
    if (UNRESTRICTED.has(name) || !user.isOn) return [];
    const access = known.get(name);
    if (access === undefined) return [unknownUser(id, name)];
    const found = excess(user, access, classes, data);
    return found.length === 0 ? [] : [tooMuch(id, name, found)];
  });
  return { wrong, checked: users.size };
}

function unknownUser(node: string, name: string): Wrong {
  return {
    node,
    what: `user ${name}`,
    live: 'present',
    wanted: 'absent, or off',
    reason: 'it is not one of the users that an environment needs',
    remedy: `ACL DELUSER ${name}, and ACL SAVE; if it is rendered, remove it from infra/redis/conf/acl.ts.`,
  };
}

interface Excess {
  /** Keys, channels or commands that the user reaches: `the keys ~*`. */
  readonly what: string;
  /** ACL rules that withdraw these permissions. */
  readonly rules: string;
}

function tooMuch(node: string, name: string, found: readonly Excess[]): Wrong {
  const words = found.map(({ what }) => what).join(', ');
  return {
    node,
    what: `user ${name}`,
    live: `reaches ${words}`,
    wanted: 'denied',
    reason: `the work of ${name} does not need this`,
    remedy: `user ${name} reaches ${words}: ACL SETUSER ${name} ${found.map(({ rules }) => rules).join(' ')}, and ACL SAVE; if it is rendered, change infra/redis/conf/acl.ts.`,
  };
}

/** Returns what the user reaches beyond its access, in any of its sets of permissions. */
function excess(
  user: AclUser,
  access: Access,
  classes: Classes,
  data: ReadonlySet<string>,
): readonly Excess[] {
  const sets = [user, ...user.selectors.map(parseUser)];
  const keys = access.keys === ALL ? [] : sets.flatMap((set) => [...set.keys]);
  const channels = sets
    .flatMap((set) => [...set.channels])
    .filter((pattern) => access.channels !== ALL && !access.channels.includes(pattern.slice(1)));
  const commands = [...allowedCommands(user, classes)].filter(
    (command) => access.data !== ALL && data.has(command) && !access.data.includes(command),
  );
  const denied = commands
    .sort()
    .slice(0, 4)
    .map((command) => `-${command}`);
  return [
    ...(keys.length > 0 ? [{ what: `the keys ${listCommands(keys)}`, rules: 'resetkeys' }] : []),
    ...(channels.length > 0
      ? [{ what: `the channels ${listCommands(channels)}`, rules: resetChannels(access) }]
      : []),
    ...(commands.length > 0
      ? [{ what: `the commands ${listCommands(commands)}`, rules: denied.join(' ') }]
      : []),
  ];
}

function resetChannels({ channels }: Access): string {
  const allowed = channels === ALL ? [] : channels.map((pattern) => `&${pattern}`);
  return ['resetchannels', ...allowed].join(' ');
}
