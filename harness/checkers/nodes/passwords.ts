/** Users without a password. Only one is allowed: a user for health checks that can run only PING. */

import { allowedCommands, listCommands, parseUser } from './acl.ts';
import { nodeRule, type Wrong } from './finding.ts';

const HARMLESS: ReadonlySet<string> = new Set(['ping']);

export const passwords = nodeRule({
  id: 'passwords',
  proves: 'a user without a password can run only PING, on every node',
  of: 'all',
  judge({ id, users, classes }, { probe }) {
    if (users === undefined) return { wrong: [], checked: 0, missing: 'ACL LIST' };
    if (classes === undefined) {
      return probe.when === 'between'
        ? { wrong: [], checked: 0 }
        : { wrong: [], checked: 0, missing: 'ACL CAT' };
    }
    const wrong = [...users].flatMap(([name, rules]): Wrong[] => {
      const user = parseUser(rules);
      if (!user.isOn || !user.isPasswordless) return [];
      const open = [...allowedCommands(user, classes)].filter((command) => !HARMLESS.has(command));
      if (open.length === 0) return [];
      return [
        {
          node: id,
          what: `user ${name}`,
          live: 'no password',
          wanted: 'a password, or only the command PING',
          reason: `every client that reaches the port may run ${listCommands(open)}`,
          remedy: `ACL SETUSER ${name} resetpass, give it a password, and ACL SAVE.`,
        },
      ];
    });
    return { wrong, checked: users.size };
  },
});
