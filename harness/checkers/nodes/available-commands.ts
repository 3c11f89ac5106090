/**
 * Whether every node has the commands that its users may run: `rename-command` takes a command away from everyone, and
 * then the client, Sentinel or the kit gets an error although the user has the permission. This applies even if the
 * rendered file contains the line.
 */
import { allowedCommands, parseUser } from './acl.ts';
import { absentCommandsOf, type NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';

/** Users with all permissions, so their permissions do not show which commands are needed. */
const UNRESTRICTED: ReadonlySet<string> = new Set(['admin', 'default']);

/** Commands that the kit itself sends as admin, to read the state and the configuration of a node. */
const KIT_NEEDS: readonly string[] = ['acl', 'client', 'command', 'config', 'info', 'ping', 'role'];

export const availableCommands = nodeRule({
  id: 'available-commands',
  proves: 'every node has each command that a user with limited permissions may run, under its own name',
  of: 'all',
  judge(view, about) {
    const absent = absentCommandsOf(view);
    if (absent === undefined) {
      return about.probe.when === 'between'
        ? { wrong: [], checked: 0 }
        : { wrong: [], checked: 0, missing: 'COMMAND INFO' };
    }
    return judgeAbsent(view, about, absent);
  },
});

function judgeAbsent(view: NodeView, { facts }: RuleContext, absent: readonly string[]): Judged {
  const files = facts.rendered.get(view.id);
  const { classes } = view;
  if (files === undefined || classes === undefined) return { wrong: [], checked: 0, missing: 'ACL CAT' };
  const needs = neededCommands(files.users, classes);
  const source = view.id.startsWith('redis') ? 'redis.extra or redis-production.conf' : 'sentinel.conf';
  const wrong = absent.flatMap((name): Wrong[] => {
    const who = needs.get(name);
    if (who === undefined) return [];
    const command = name.toUpperCase();
    return [
      {
        node: view.id,
        what: `command ${name}`,
        live: 'absent',
        wanted: 'present',
        reason: `rename-command took it away from ${who} (${source})`,
        remedy: `it has no command ${command}, which ${who} needs: remove rename-command ${command} from ${source}, and restart it. ACLs deny a command to single users.`,
      },
    ];
  });
  return { wrong, checked: needs.size };
}

/** Returns the needed commands, without subcommands, each with the first user that needs it. */
function neededCommands(
  users: ReadonlyMap<string, string>,
  classes: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, string> {
  const needs = new Map(KIT_NEEDS.map((name) => [name, 'the kit']));
  for (const [user, rules] of users) {
    if (UNRESTRICTED.has(user)) continue;
    for (const name of allowedCommands(parseUser(rules), classes)) {
      const command = name.split('|', 1)[0] ?? name;
      if (!needs.has(command)) needs.set(command, user);
    }
  }
  return needs;
}
