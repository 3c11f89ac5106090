/**
 * Dangerous commands as classes and not as samples: what a server counts to @admin, @dangerous or @scripting, every user but the
 * admin may run only as far as its work needs it. The lists say what that is; they are a policy of their own and not the renderer's.
 */

import { allowedCommands, listed, parseUser } from './acl.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type Wrong } from './finding.ts';

const CLASSES = ['admin', 'dangerous', 'scripting'] as const;

/** The one user that may do everything. */
const ADMIN = 'admin';

type Needs = Readonly<Record<string, readonly string[]>>;

/** By user of a Redis node. Sources: Redis documentation, "ACL rules for Sentinel and Replicas"; ioredis asks INFO before it is ready. */
const ON_REDIS: Needs = {
  // The client asks INFO and ROLE of whom it is connected to, and calls the functions that an admin loaded.
  app: ['info', 'role', 'fcall', 'fcall_ro'],
  replication: ['psync', 'replconf'],
  sentinel: ['config|rewrite', 'client|kill', 'info', 'replicaof', 'role', 'script|kill', 'slaveof'],
  exporter: ['info', 'latency|histogram', 'latency|latest', 'slowlog|get', 'slowlog|len'],
  loader: ['function|load'],
};

/** By user of a sentinel: who is master, and what sentinels ask each other. */
const ON_SENTINEL: Needs = {
  app: [
    'info',
    'role',
    'sentinel|ckquorum',
    'sentinel|get-master-addr-by-name',
    'sentinel|master',
    'sentinel|masters',
    'sentinel|replicas',
    'sentinel|sentinels',
    'sentinel|slaves',
  ],
  peer: ['sentinel|is-master-down-by-addr'],
  // What redis_exporter asks of a sentinel.
  exporter: [
    'info',
    'sentinel|ckquorum',
    'sentinel|masters',
    'sentinel|replicas',
    'sentinel|sentinels',
    'sentinel|slaves',
  ],
};

export const commands = nodeRule({
  id: 'commands',
  proves:
    'no user but the admin may run an @admin, @dangerous or @scripting command that its work does not need',
  of: 'all',
  judge(view, { probe }) {
    const { users, classes } = view;
    if (users === undefined) return { wrong: [], checked: 0, missing: 'ACL LIST' };
    if (classes === undefined) {
      return probe.when === 'between'
        ? { wrong: [], checked: 0 }
        : { wrong: [], checked: 0, missing: 'ACL CAT' };
    }
    return judgeUsers(view, users, classes);
  },
});

function judgeUsers(
  { id }: NodeView,
  users: ReadonlyMap<string, string>,
  classes: ReadonlyMap<string, readonly string[]>,
): Judged {
  const dangerous = new Set(CLASSES.flatMap((name) => classes.get(name) ?? []));
  if (dangerous.size === 0) return { wrong: [], checked: 0, missing: 'ACL CAT admin' };
  const needs = id.startsWith('redis') ? ON_REDIS : ON_SENTINEL;
  let checked = 0;
  const wrong = [...users].flatMap(([name, rules]): Wrong[] => {
    const user = parseUser(rules);
    if (name === ADMIN || !user.isOn) return [];
    checked += dangerous.size;
    const needed = new Set(Object.hasOwn(needs, name) ? needs[name] : []);
    const open = [...allowedCommands(user, classes)].filter(
      (command) => dangerous.has(command) && !needed.has(command),
    );
    if (open.length === 0) return [];
    return [
      {
        node: id,
        what: `user ${name}`,
        live: `may run ${listed(open)}`,
        wanted: 'denied',
        because: `these are commands of @admin, @dangerous or @scripting that ${name} does not need`,
        remedy: `ACL SETUSER ${name} ${open
          .sort()
          .slice(0, 4)
          .map((command) => `-${command}`)
          .join(' ')}, and ACL SAVE.`,
      },
    ];
  });
  return { wrong, checked };
}
