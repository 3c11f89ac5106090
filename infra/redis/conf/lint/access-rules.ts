/** Rules for passwords, users and renamed commands in a redis.conf; `network-rules.ts` covers network access. */

import type { ServerVersion } from '../../server-version.ts';
import type { ConfLine } from '../text.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';
import { networkRules } from './network-rules.ts';
import { ACL_DOCS, REDIS_CONF } from './sources.ts';
import { defaultUserLine, effectOf } from './user-effect.ts';

/** Commands that Sentinel sends to the nodes. If one of them is renamed, a failover never completes. */
const SENTINEL_NEEDS = new Set(
  'config replicaof slaveof multi exec info ping publish subscribe role client script'.split(' '),
);

export function accessRules(conf: Conf, servers: readonly ServerVersion[]): readonly Finding[] {
  return [
    ...networkRules(conf, { isProtectedByDefault: true, servers }),
    ...passwordRules(conf),
    ...userRules(conf),
    ...renamedCommands(conf),
    ...unprotectedAccess(conf),
  ];
}

/** Whether the default user is defined by rules, which requirepass does not change. */
function hasOwnDefault(conf: Conf): boolean {
  return conf.value('aclfile', '') !== '' || defaultUserLine(conf) !== undefined;
}

function passwordRules(conf: Conf): readonly Finding[] {
  const password = conf.last('requirepass')?.args[0];
  if (password === undefined || password === '') return [];
  const at = conf.place('requirepass');
  if (hasOwnDefault(conf)) {
    const reason =
      'no effect when the rules of `default` are set: they replace it, and the correct password gives WRONGPASS';
    return [
      finding('warning', at, reason, 'measured on 7.0.15', 'remove it; give each user a password in the ACL'),
    ];
  }
  if (/^[[<{$].*[\]>}]?$|changeme|foobared|^password$/i.test(password)) {
    return [
      finding(
        'error',
        at,
        'the password is a placeholder or a well-known example',
        REDIS_CONF,
        'set a random password of at least 32 characters',
      ),
    ];
  }
  const found = [
    finding(
      'info',
      at,
      'one shared password with all permissions',
      ACL_DOCS,
      'define users with least privilege instead (aclfile)',
    ),
  ];
  if (password.length < 24) {
    const reason = 'a short password is weak: Redis checks a million guesses per second';
    found.push(finding('warning', at, reason, REDIS_CONF, 'set a random password of at least 32 characters'));
  }
  return found;
}

function userRules(conf: Conf): readonly Finding[] {
  return [...conf.all('user').flatMap((user) => rightsOf(user, conf)), ...replicaLogin(conf)];
}

function replicaLogin(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const guarded =
    conf.value('aclfile', '') !== '' || conf.has('user') || conf.value('requirepass', '') !== '';
  if (conf.has('replicaof') && guarded && conf.value('masterauth', '') === '') {
    const reason = 'a master with a password rejects this replica';
    found.push(
      finding('warning', conf.place('replicaof'), reason, REDIS_CONF, 'set masteruser and masterauth'),
    );
  }
  if (conf.has('masteruser') && conf.value('masterauth', '') === '') {
    found.push(
      finding(
        'error',
        conf.place('masteruser'),
        'a user without a password cannot log in',
        REDIS_CONF,
        'set masterauth',
      ),
    );
  }
  return found;
}

function rightsOf(user: ConfLine, conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const at = { line: user.line, directive: 'user' };
  const rules = user.args.slice(1);
  const isDefault = user.args[0] === 'default';
  const effect = effectOf(user);
  const all = effect.hasAllKeys && effect.hasAllCommands;
  if (isDefault && !effect.isOn && !all && conf.on('appendonly', false)) {
    const reason =
      'the AOF is replayed as `default`: without permissions, MULTI, Lua and function data is silently dropped at a restart';
    found.push(finding('error', at, reason, 'redis/redis#14541', 'write: user default off ~* &* +@all'));
  }
  if (!isDefault && effect.isOn && effect.isNoPass && all) {
    found.push(
      finding(
        'error',
        at,
        'all permissions without a password',
        ACL_DOCS,
        'set a password, or restrict it to +ping',
      ),
    );
  }
  if (rules.some((rule) => rule.startsWith('>'))) {
    found.push(
      finding('info', at, 'the password is in plain text', ACL_DOCS, 'write its SHA-256: #<64 hex digits>'),
    );
  }
  return found;
}

function renamedCommands(conf: Conf): readonly Finding[] {
  return conf.all('rename-command').map((line) => {
    const at = { line: line.line, directive: 'rename-command' };
    const command = (line.args[0] ?? '').toLowerCase();
    const remedy = `remove it and deny the command by ACL: -${command}`;
    if (SENTINEL_NEEDS.has(command)) {
      return finding(
        'error',
        at,
        `Sentinel sends ${command.toUpperCase()}: if it is renamed, a failover never completes`,
        'measured on 7.0.15',
        remedy,
      );
    }
    if (command === 'flushall' || command === 'flushdb') {
      const reason = `it denies the command to admins too, and an AOF that contains ${command.toUpperCase()} no longer loads`;
      return finding('warning', at, reason, 'measured on 7.0.15', remedy);
    }
    if (command === 'eval') {
      return finding(
        'warning',
        at,
        'EVALSHA, SCRIPT and FCALL stay allowed; an ACL denies all of them',
        ACL_DOCS,
        'remove it; ACL: -@scripting',
      );
    }
    return finding(
      'warning',
      at,
      'ACLs replace it: they deny commands per user and keep them for admins',
      ACL_DOCS,
      remedy,
    );
  });
}

function unprotectedAccess(conf: Conf): readonly Finding[] {
  const doors = ['enable-debug-command', 'enable-module-command', 'enable-protected-configs'];
  return doors
    .filter((name) => conf.value(name, 'no') === 'yes')
    .map((name) =>
      finding(
        'warning',
        conf.place(name),
        'it allows all connections a command that Redis restricts by default',
        REDIS_CONF,
        `set ${name} no, or local`,
      ),
    );
}
