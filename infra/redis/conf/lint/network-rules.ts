/** Rules about network access: which addresses reach the server, and whether the default user needs a password. */
import { atLeast, type ServerVersion } from '../../server-version.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';
import { ACL_DOCS, REDIS_CONF } from './sources.ts';
import { allowsAnonymousAccess, defaultUserLine, isLoopback } from './user-effect.ts';

export interface NetworkOptions {
  /** Whether protected mode is on by default. It is off in a sentinel unless the file sets it (initSentinelConfig). */
  readonly isProtectedByDefault: boolean;
  readonly servers: readonly ServerVersion[];
}

export function networkRules(conf: Conf, options: NetworkOptions): readonly Finding[] {
  const isOpen = allowsAnonymousAccess(conf);
  const isRemote = listensBeyondMachine(conf);
  const protectedMode = conf.on('protected-mode', options.isProtectedByDefault);
  const isProtected = protectedMode && !ignoresProtectedMode(conf, options.servers);
  if (isOpen && isRemote && !isProtected && !asksForCertificates(conf)) {
    return [openAccessFinding(conf, protectedMode)];
  }
  const found: Finding[] = [];
  if (isRemote && listensEverywhere(conf)) {
    const reason = 'the server listens on every address of the machine, including public ones';
    found.push(
      finding('warning', conf.place('bind'), reason, REDIS_CONF, 'bind the addresses that clients use'),
    );
  }
  if (!protectedMode && !isOpen) {
    const reason = 'protected mode is the fallback: without the users, every client is admitted';
    found.push(finding('info', conf.place('protected-mode'), reason, REDIS_CONF, 'set protected-mode yes'));
  }
  if (isOpen) found.push(openOnMachine(conf, isRemote && !isProtected));
  return found;
}

function openAccessFinding(conf: Conf, protectedMode: boolean): Finding {
  const where = listensEverywhere(conf) ? 'all addresses' : 'addresses beyond this machine';
  const line = defaultUserLine(conf);
  const who = line === undefined ? 'no password' : 'the default user needs no password';
  const mode = protectedMode ? 'protected mode, which 6.2 ignores with a bind' : 'protected mode off';
  const remedy =
    line === undefined
      ? 'set protected-mode yes, bind one address, and add users (aclfile) with the default user off'
      : 'write: user default off ~* &* +@all, or give it a password';
  const reason = `the server is open: ${where}, ${who}, ${mode}`;
  return finding('error', conf.place('protected-mode'), reason, 'redis.io, security', remedy);
}

function openOnMachine(conf: Conf, isReachableByCertificate: boolean): Finding {
  const line = defaultUserLine(conf);
  const place = line === undefined ? conf.place('aclfile') : { line: line.line, directive: 'user' };
  const who = isReachableByCertificate ? 'every client with a certificate' : 'every user on this machine';
  const reason =
    line === undefined
      ? `without users, ${who} has all permissions`
      : `the default user needs no password: ${who} is admitted`;
  return finding('warning', place, reason, ACL_DOCS, 'add users of least privilege: aclfile, default off');
}

function listensBeyondMachine(conf: Conf): boolean {
  const isOnTcp = conf.number('port', 6379) !== 0 || conf.number('tls-port', 0) !== 0;
  return isOnTcp && boundAddresses(conf).some((address) => address !== '' && !isLoopback(address));
}

function listensEverywhere(conf: Conf): boolean {
  return boundAddresses(conf).some((each) => /^-?(?:\*|0\.0\.0\.0|::\*?)$/.test(each));
}

function boundAddresses(conf: Conf): readonly string[] {
  return conf.value('bind', '* -::*').split(' ');
}

/**
 * Whether a server ignores protected mode: up to 6.2, the mode has an effect only without a bind address
 * (networking.c).
 */
function ignoresProtectedMode(conf: Conf, servers: readonly ServerVersion[]): boolean {
  return (
    conf.has('bind') && servers.some(({ family, version }) => family === 'redis' && !atLeast(version, '7.0'))
  );
}

/** Returns whether the server verifies a certificate from every client. */
function asksForCertificates(conf: Conf): boolean {
  const isTlsAlone = conf.number('port', 6379) === 0 && conf.number('tls-port', 0) !== 0;
  return isTlsAlone && conf.value('tls-auth-clients', 'yes').toLowerCase() === 'yes';
}

/** Rules for plain-text access alongside TLS, and for connections that the server opens. */
export function tlsRules(conf: Conf): readonly Finding[] {
  if (conf.number('tls-port', 0) === 0) return [];
  const found: Finding[] = [];
  if (conf.number('port', 6379) !== 0) {
    const reason = 'the plain port stays open in addition to the TLS port';
    found.push(finding('warning', conf.place('port'), reason, 'redis.conf, TLS', 'set port 0'));
  }
  if (!conf.on('tls-replication', false)) {
    const reason =
      'outgoing connections (to a master, to other nodes) use plain text, or fail if only TLS is accepted';
    found.push(
      finding('warning', conf.place('tls-replication'), reason, 'redis.conf, TLS', 'set tls-replication yes'),
    );
  }
  return found;
}
