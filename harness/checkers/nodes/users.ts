/** Whether a node has the users that the kit rendered and no others, with the default user off. */

import { parseUser } from './acl.ts';
import { nodeRule, type Wrong } from './finding.ts';

export const users = nodeRule({
  id: 'users',
  proves: 'every node has the rendered users and no others, and the default user is off',
  of: 'all',
  judge({ id, users: live }, { facts }) {
    const rendered = facts.rendered.get(id)?.users;
    if (live === undefined || rendered === undefined) return { wrong: [], checked: 0, missing: 'ACL LIST' };
    const wrong: Wrong[] = [];
    const add = (name: string, state: string, wanted: string, reason: string, remedy: string) =>
      wrong.push({ node: id, what: `user ${name}`, live: state, wanted, reason, remedy });
    for (const name of live.keys()) {
      if (rendered.has(name)) continue;
      add(name, 'present', 'absent', 'the kit did not render it', `ACL DELUSER ${name}, and ACL SAVE.`);
    }
    for (const [name, rules] of rendered) {
      const found = live.get(name);
      if (found === undefined) {
        add(
          name,
          'absent',
          'present',
          'clients that log in as this user are rejected',
          'run ACL LOAD, which reads the users from the file again.',
        );
      } else if (parseUser(rules).isOn && !parseUser(found).isOn) {
        add(
          name,
          'off',
          'on',
          'clients that log in as this user are rejected',
          `ACL SETUSER ${name} on, and ACL SAVE.`,
        );
      }
    }
    const byDefault = live.get('default');
    if (byDefault !== undefined && parseUser(byDefault).isOn) {
      const reason = 'every connection has this user until it logs in';
      add('default', 'on', 'off', reason, 'ACL SETUSER default off, and ACL SAVE.');
    }
    return { wrong, checked: new Set([...live.keys(), ...rendered.keys()]).size };
  },
});
