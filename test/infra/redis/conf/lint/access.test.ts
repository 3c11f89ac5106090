/** The lint's access rules, which judge the combined effect of all lines. */
import { describe, expect, it } from 'vitest';
import { type Finding, type LintOptions, lintConf } from '../../../../../infra/redis/conf/lint/index.ts';

const brief = ({ severity, directive }: Finding) => `${severity} ${directive}`;

describe('the access rules in the lint', () => {
  const open = 'bind 0.0.0.0\nprotected-mode no\n';
  const access = (text: string, options?: LintOptions) =>
    lintConf(text, options)
      .filter(({ directive }) => ['protected-mode', 'aclfile', 'user'].includes(directive))
      .map(brief);

  it.each([
    'protected-mode no\n',
    'protected-mode no\nbind 10.0.0.1\n',
    open,
    `${open}user default on nopass ~* &* +@all\n`,
    `${open}user default ON NoPass ~* +@write\n`,
    `${open}user default off on resetpass nopass +@all ~*\n`,
    `${open}user app on >secret ~app:* +@read\n`,
    `${open}aclfile ""\n`,
    `${open}requirepass ""\n`,
    `${open}requirepass dead-text-beside-the-rules\nuser default on nopass ~* +@all\n`,
    `${open}port 0\ntls-port 6380\ntls-cert-file /c\ntls-key-file /k\ntls-auth-clients no\n`,
  ])('report an open server as an error, from the effect of all lines: %j', (text) => {
    expect(access(text)).toContain('error protected-mode');
    expect(lintConf(text).find(({ directive }) => directive === 'protected-mode')?.reason).toMatch(
      /^the server is open/,
    );
  });

  it.each([
    `${open}aclfile /etc/redis/users.acl\n`,
    `${open}requirepass ${'x'.repeat(32)}\n`,
    `${open}requirepass ${'x'.repeat(32)}\nuser app on >secret ~* +@all\n`,
    `${open}user default off ~* &* +@all\n`,
    `${open}user default on >secret ~* +@all\n`,
    `${open}user default on nopass >secret ~* +@all\n`,
    `${open}user default on nopass +@all reset\n`,
    `${open}user default on nopass ~* +ping\n`,
    `${open}user default on nopass ~* +@all -@all +ping\n`,
    'bind 0.0.0.0\n',
    'bind 127.0.0.1 -::1\nprotected-mode no\n',
    'port 0\nunixsocket /run/redis.sock\nprotected-mode no\n',
  ])('report no open server for %j', (text) => {
    expect(access(text)).not.toContain('error protected-mode');
  });

  it('judge a server on loopback in the same way with and without protected mode', () => {
    const of = (mode: string) => access(`bind 127.0.0.1\nprotected-mode ${mode}\n`);
    expect(of('no')).toEqual(['warning aclfile']);
    expect(of('yes')).toEqual(['warning aclfile']);
  });

  it('report Redis 6.2 with a bind directive as open, because it then ignores protected mode', () => {
    const text = 'bind 10.0.0.1\nprotected-mode yes\n';
    expect(access(text, { target: { family: 'redis', version: '6.2' } })).toContain('error protected-mode');
    expect(access(text)).toEqual(['warning aclfile']);
  });

  it('report a user with all permissions and no password, based on the effect of all rules', () => {
    const users = (rules: string) =>
      lintConf(`${open}user app ${rules}\n`)
        .filter(({ directive, severity }) => directive === 'user' && severity === 'error')
        .map(({ reason }) => reason);
    expect(users('on nopass ~* +@all')).toEqual(['all permissions without a password']);
    expect(users('on allkeys allcommands nopass')).toEqual(['all permissions without a password']);
    expect(users('off nopass ~* +@all')).toEqual([]);
    expect(users('on nopass ~* +@all -@all')).toEqual([]);
    expect(users('on nopass >later ~* +@all')).toEqual([]);
  });
});
