/** Users with two passwords: as rendered, and as changed in a file written by ACL SAVE. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { type EnvironmentSecrets, unknownSecrets } from '../../../../config/secrets.ts';
import {
  acceptsPassword,
  renderRedisAcl,
  renderSentinelAcl,
  rotatedAccounts,
  WATCHDOG,
  watchdogPassword,
  withPasswords,
} from '../../../../infra/redis/conf/acl.ts';

const former = unknownSecrets();
const next = unknownSecrets();
/** Secrets in the middle of a rotation of `app` and `admin`. */
const secrets: EnvironmentSecrets = {
  redis: { ...former.redis, admin: next.redis.admin, app: next.redis.app },
  sentinel: { ...former.sentinel, app: next.sentinel.app },
  other: former,
};
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

it('the renderer writes both passwords of rotated and derived users, and one password of the others', () => {
  const text = renderRedisAcl(secrets, 'cache', '7.0.15', { watchdog: true });
  for (const set of [secrets, former]) {
    expect(acceptsPassword(text, 'app', set.redis.app)).toBe(true);
    expect(acceptsPassword(text, 'admin', set.redis.admin)).toBe(true);
    expect(acceptsPassword(text, WATCHDOG, watchdogPassword(set))).toBe(true);
  }
  expect(text).toMatch(
    new RegExp(`^user replication on #${sha256(former.redis.replication.reveal())} [^#]*$`, 'm'),
  );
});

it('the rotated users of each kind of node are listed', () => {
  const users = (role: 'redis' | 'sentinel') => rotatedAccounts(role, secrets).map(({ user }) => user);
  expect(users('redis')).toEqual(['admin', 'app', 'loader', WATCHDOG]);
  expect(users('sentinel')).toEqual(['app', WATCHDOG]);
  expect(rotatedAccounts('redis', former)).toEqual([]);
});

it('adding a password to a file or removing one from it keeps unknown users and rules', () => {
  const saved = [
    'user default off resetpass ~* &* +@all',
    `user app on sanitize-payload #${sha256(former.redis.app.reveal())} #${sha256('of an operator')} ~* -@all +get (%R~x* -@all +set)`,
    `user other on #${sha256('other')} ~* +@all`,
    '',
  ].join('\n');
  const accounts = rotatedAccounts('redis', secrets);
  const both = withPasswords(saved, accounts, 'both');
  expect(acceptsPassword(both, 'app', former.redis.app)).toBe(true);
  expect(acceptsPassword(both, 'app', secrets.redis.app)).toBe(true);
  expect(withPasswords(both, accounts, 'both')).toBe(both);
  const current = withPasswords(both, accounts, 'current');
  expect(current).toBe(
    [
      'user default off resetpass ~* &* +@all',
      `user app on #${sha256(secrets.redis.app.reveal())} sanitize-payload #${sha256('of an operator')} ~* -@all +get (%R~x* -@all +set)`,
      `user other on #${sha256('other')} ~* +@all`,
      '',
    ].join('\n'),
  );
});

it('the renderer writes the same users before and after a rotation, apart from the hashes', () => {
  const { other: _, ...current } = secrets;
  const withoutHashes = (text: string) => text.replaceAll(/(#[0-9a-f]{64} ?)+/g, '# ');
  expect(withoutHashes(renderSentinelAcl(secrets, '7.2.0'))).toBe(
    withoutHashes(renderSentinelAcl(current, '7.2.0')),
  );
});
