/**
 * Judges dangerous commands by class, not by example: every user except the admin may run only those commands in the
 * classes @admin, @dangerous and @scripting that its work needs. The server defines the classes. The lists below are a
 * separate policy, independent of the renderer.
 */

import { allowedCommands, listCommands, parseUser } from './acl.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type Wrong } from './finding.ts';

const CLASSES = ['admin', 'dangerous', 'scripting'] as const;

/** The only user with all permissions. */
const ADMIN = 'admin';

type Needs = Readonly<Record<string, readonly string[]>>;

/**
 * Commands that each user of a Redis node needs. Sources: Redis documentation, "ACL rules for
 * Sentinel and Replicas"; ioredis sends INFO before it is ready.
 */
const ON_REDIS: Needs = {
  // The client sends INFO and ROLE to its node, and calls functions loaded by an admin.
  app: ['info', 'role', 'fcall', 'fcall_ro'],
  replication: ['psync', 'replconf'],
  sentinel: ['config|rewrite', 'client|kill', 'info', 'replicaof', 'role', 'script|kill', 'slaveof'],
  exporter: ['info', 'latency|histogram', 'latency|latest', 'slowlog|get', 'slowlog|len'],
  loader: ['function|load'],
  // The watchdog demotes a deposed master with the same commands as Sentinel.
  watchdog: ['client|kill', 'config|rewrite', 'info', 'replicaof'],
};

/**
 * Commands that each user of a sentinel needs: those that return the address of the master, and those that sentinels
 * send to each other.
 */
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
  watchdog: ['info', 'sentinel|debug', 'sentinel|master'],
  // Commands that redis_exporter sends to a sentinel.
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
  proves: 'no user except the admin may run @admin, @dangerous or @scripting commands that it does not need',
  of: 'all',
  judge(view, { probe }) {
    const { users, classes } = view;
    if (users === undefined) return { wrong: [], checked: 0, missing: 'ACL LIST' };
    if (classes === undefined) {
      return probe.when === 'between'
        ? { wrong: [], checked: 0 }
        : { wrong: [], checked: 0, missing: 'ACL CAT' };
    }
    return wrongCommandRights(view, users, classes);
  },
});

function wrongCommandRights(
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
        live: `may run ${listCommands(open)}`,
        wanted: 'denied',
        reason: `these are commands in @admin, @dangerous or @scripting that ${name} does not need`,
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
