/** Who may reach Redis and do what: the same questions for a redis.conf and, in part, a sentinel.conf. */
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';

const REDIS_CONF = 'redis.conf of Redis 7.0';
const ACL_DOCS = 'Redis documentation, ACL';

/** What Sentinel sends to the nodes: renamed, a failover never completes. */
const SENTINEL_NEEDS = new Set(
  'config replicaof slaveof multi exec info ping publish subscribe role client script'.split(' '),
);

export function accessRules(conf: Conf): readonly Finding[] {
  return [
    ...networkRules(conf, true),
    ...passwordRules(conf),
    ...userRules(conf),
    ...renamedCommands(conf),
    ...openDoors(conf),
  ];
}

function hasUsers(conf: Conf): boolean {
  return conf.value('aclfile', '') !== '' || conf.has('user');
}

/** Also for a sentinel.conf, where protected mode is off unless the file says otherwise (initSentinelConfig). */
export function networkRules(conf: Conf, protectedByDefault: boolean): readonly Finding[] {
  const guarded = hasUsers(conf) || conf.value('requirepass', '') !== '';
  const everywhere = conf
    .value('bind', '* -::*')
    .split(' ')
    .some((each) => /^-?(\*|0\.0\.0\.0|::\*?|::)$/.test(each));
  const protectedMode = conf.on('protected-mode', protectedByDefault);
  if (!guarded && !protectedMode && everywhere) {
    return [
      finding(
        'error',
        conf.place('protected-mode'),
        'it stands open: all addresses, no password, protected mode off',
        'redis.io, security',
        'set protected-mode yes, bind one address, and add users (aclfile)',
      ),
    ];
  }
  if (!guarded && !protectedMode) {
    const reason = 'whoever reaches the address may do everything: no password, protected mode off';
    return [
      finding(
        'error',
        conf.place('protected-mode'),
        reason,
        'redis.io, security',
        'set protected-mode yes, and add users (aclfile)',
      ),
    ];
  }
  const found: Finding[] = [];
  if (everywhere) {
    const reason = 'it listens on every address of the machine, those of the internet too';
    found.push(
      finding('warning', conf.place('bind'), reason, REDIS_CONF, 'bind the addresses that clients use'),
    );
  }
  if (!protectedMode) {
    const reason = 'it is the net below: should the users be lost, everybody is let in';
    found.push(finding('info', conf.place('protected-mode'), reason, REDIS_CONF, 'set protected-mode yes'));
  }
  if (!guarded) {
    const reason = 'without users everybody on this machine may do everything';
    found.push(
      finding(
        'warning',
        conf.place('aclfile'),
        reason,
        ACL_DOCS,
        'add users of least privilege: aclfile, default off',
      ),
    );
  }
  return found;
}

function passwordRules(conf: Conf): readonly Finding[] {
  const password = conf.last('requirepass')?.args[0];
  if (password === undefined || password === '') return [];
  const at = conf.place('requirepass');
  if (hasUsers(conf)) {
    const reason = 'dead text where users are set and `default` is off: the right password gives WRONGPASS';
    return [
      finding('warning', at, reason, 'measured on 7.0.15', 'remove it; give each user a password in the ACL'),
    ];
  }
  if (/^[[<{$].*[\]>}]?$|changeme|foobared|^password$/i.test(password)) {
    return [
      finding(
        'error',
        at,
        'the password is a placeholder or an example that everybody knows',
        REDIS_CONF,
        'set a random one of 32 characters and more',
      ),
    ];
  }
  const found = [
    finding(
      'info',
      at,
      'one password for everybody, with all rights',
      ACL_DOCS,
      'set users of least privilege instead (aclfile)',
    ),
  ];
  if (password.length < 24) {
    const reason = 'Redis answers a million guesses a second: a short password does not hold';
    found.push(finding('warning', at, reason, REDIS_CONF, 'set a random one of 32 characters and more'));
  }
  return found;
}

function userRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const users = conf.all('user');
  const [first] = users;
  if (first !== undefined && conf.value('aclfile', '') !== '') {
    const reason = 'users in this file and an aclfile exclude each other: the server does not start';
    found.push(
      finding(
        'error',
        { line: first.line, directive: 'user' },
        reason,
        'src/acl.c',
        'keep the users in the aclfile',
      ),
    );
  }
  found.push(...users.flatMap((user) => rightsOf(user, conf)), ...replicaLogin(conf));
  return found;
}

function replicaLogin(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const guarded = hasUsers(conf) || conf.value('requirepass', '') !== '';
  if (conf.has('replicaof') && guarded && conf.value('masterauth', '') === '') {
    const reason = 'a master that asks for a password refuses this replica';
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

function rightsOf(user: ReturnType<Conf['all']>[number], conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const at = { line: user.line, directive: 'user' };
  const rules = user.args.slice(1);
  const off = user.args[0] === 'default' && rules.includes('off');
  const all =
    (rules.includes('~*') || rules.includes('allkeys')) &&
    (rules.includes('+@all') || rules.includes('allcommands'));
  if (off && !all && conf.on('appendonly', false)) {
    const reason =
      'the AOF is replayed as `default`: without rights MULTI, Lua and function data is silently dropped at a restart';
    found.push(finding('error', at, reason, 'redis/redis#14541', 'write: user default off ~* &* +@all'));
  }
  if (user.args[0] !== 'default' && rules.includes('nopass') && all) {
    found.push(
      finding(
        'error',
        at,
        'all rights without a password',
        ACL_DOCS,
        'give it a password, or no rights but +ping',
      ),
    );
  }
  if (rules.some((rule) => rule.startsWith('>'))) {
    found.push(
      finding(
        'info',
        at,
        'the password stands in plain text',
        ACL_DOCS,
        'write its SHA-256: #<64 hex digits>',
      ),
    );
  }
  return found;
}

function renamedCommands(conf: Conf): readonly Finding[] {
  return conf.all('rename-command').map((line) => {
    const at = { line: line.line, directive: 'rename-command' };
    const command = (line.args[0] ?? '').toLowerCase();
    const remedy = `remove it and close the command by ACL: -${command}`;
    if (SENTINEL_NEEDS.has(command)) {
      return finding(
        'error',
        at,
        `Sentinel sends ${command.toUpperCase()}: renamed, a failover never completes`,
        'measured on 7.0.15',
        remedy,
      );
    }
    if (command === 'flushall' || command === 'flushdb') {
      const reason = `it closes the command to admins too, and an AOF that holds a ${command.toUpperCase()} no longer loads`;
      return finding('warning', at, reason, 'measured on 7.0.15', remedy);
    }
    if (command === 'eval') {
      return finding(
        'warning',
        at,
        'EVALSHA, SCRIPT and FCALL stay open; ACL closes them all',
        ACL_DOCS,
        'remove it; ACL: -@scripting',
      );
    }
    return finding(
      'warning',
      at,
      'ACL is its successor: it closes commands by user and keeps admins able',
      ACL_DOCS,
      remedy,
    );
  });
}

function openDoors(conf: Conf): readonly Finding[] {
  const doors = ['enable-debug-command', 'enable-module-command', 'enable-protected-configs'];
  return doors
    .filter((name) => conf.value(name, 'no') === 'yes')
    .map((name) =>
      finding(
        'warning',
        conf.place(name),
        'it opens to all connections what Redis closed on purpose',
        REDIS_CONF,
        `set ${name} no, or local`,
      ),
    );
}

/** Also for a sentinel.conf. */
export function tlsRules(conf: Conf): readonly Finding[] {
  if (conf.number('tls-port', 0) === 0) {
    if (!conf.on('tls-replication', false) || conf.has('tls-cert-file')) return [];
    return [
      finding(
        'error',
        conf.place('tls-replication'),
        'there is no certificate to speak TLS with',
        'redis.conf, TLS',
        'set tls-cert-file, tls-key-file and tls-ca-cert-file',
      ),
    ];
  }
  const found: Finding[] = [];
  const missing = ['tls-cert-file', 'tls-key-file'].filter((name) => !conf.has(name));
  if (!conf.has('tls-ca-cert-file') && !conf.has('tls-ca-cert-dir')) missing.push('tls-ca-cert-file');
  if (missing.length > 0) {
    const reason = `tls-port needs ${missing.join(', ')}: the server does not start`;
    found.push(finding('error', conf.place('tls-port'), reason, 'src/tls.c', `set ${missing.join(', ')}`));
  }
  if (conf.number('port', 6379) !== 0) {
    const reason = 'the plain port stays open beside the TLS port';
    found.push(finding('warning', conf.place('port'), reason, 'redis.conf, TLS', 'set port 0'));
  }
  if (!conf.on('tls-replication', false)) {
    const reason =
      'connections that this process opens (to a master, to other nodes) go in plain text, or fail where only TLS answers';
    found.push(
      finding('warning', conf.place('tls-replication'), reason, 'redis.conf, TLS', 'set tls-replication yes'),
    );
  }
  return found;
}
