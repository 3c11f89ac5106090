import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readVariables } from '../../config/env.ts';
import { loadSecrets, secretsFile } from '../../config/secrets.ts';

const noVariables = new Map();
let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kit-secrets-'));
  file = secretsFile('dev', dir);
});
afterEach(() => rmSync(dir, { recursive: true }));

const variables = (env: Record<string, string>) => readVariables({ env, directory: dir });
const revealSecrets = (secrets: ReturnType<typeof loadSecrets>) => [
  ...Object.values(secrets.redis).map((each) => each.reveal()),
  ...Object.values(secrets.sentinel).map((each) => each.reveal()),
];

describe('secrets', () => {
  it('are generated once, all different, in a file that only its owner can read', () => {
    const first = revealSecrets(loadSecrets('dev', dir, noVariables));
    expect(new Set(first).size).toBe(8);
    expect(first.every((each) => each.length >= 43)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
    expect(revealSecrets(loadSecrets('dev', dir, noVariables))).toEqual(first);
    expect(readdirSync(dirname(file))).toEqual(['secrets.json']);
  });

  it('differ between two environments', () => {
    expect(revealSecrets(loadSecrets('dev', dir, noVariables))).not.toEqual(
      revealSecrets(loadSecrets('staging', dir, noVariables)),
    );
  });

  it('are redacted wherever they are printed', () => {
    const secrets = loadSecrets('dev', dir, noVariables);
    const printed = `${secrets.redis.app} ${JSON.stringify(secrets)} ${inspect(secrets, { depth: 9 })}`;
    for (const each of revealSecrets(secrets)) expect(printed).not.toContain(each);
    expect(printed).toContain('[redacted]');
  });

  it('are overridden by a variable, or by a file that a variable names', () => {
    const path = join(dir, 'peer');
    writeFileSync(path, 'from-a-file-0123\n');
    const secrets = loadSecrets(
      'dev',
      dir,
      variables({ KIT_REDIS_APP_PASSWORD: 'from-a-variable-0', KIT_SENTINEL_PEER_PASSWORD_FILE: path }),
    );
    expect(secrets.redis.app.reveal()).toBe('from-a-variable-0');
    expect(secrets.sentinel.peer.reveal()).toBe('from-a-file-0123');
    expect(secrets.redis.admin.reveal()).toBe(loadSecrets('dev', dir, noVariables).redis.admin.reveal());
  });

  it.each([
    ['that are too short', { KIT_REDIS_APP_PASSWORD: 'hunter2' }],
    ['that contain a space', { KIT_REDIS_APP_PASSWORD: 'one two three four' }],
    ['from a file that does not exist', { KIT_REDIS_APP_PASSWORD_FILE: '/nowhere/at/all' }],
    [
      'that are set twice',
      { KIT_REDIS_APP_PASSWORD: 'long-enough-to-take', KIT_REDIS_APP_PASSWORD_FILE: '/nowhere' },
    ],
  ])('%s are rejected without being shown', (_, env) => {
    let message = '';
    try {
      loadSecrets('dev', dir, variables(env));
    } catch (error) {
      message = `${(error as { code: string }).code} ${(error as Error).message} ${(error as { where: string }).where}`;
    }
    expect(message).toContain('SECRETS_INVALID');
    expect(message).toContain('KIT_REDIS_APP_PASSWORD');
    expect(message).not.toMatch(/hunter2|one two/);
  });

  it.each([0o640, 0o604, 0o666])('are rejected if their file has mode %o', (mode) => {
    loadSecrets('dev', dir, noVariables);
    chmodSync(file, mode);
    expect(() => loadSecrets('dev', dir, noVariables)).toThrow(
      expect.objectContaining({ code: 'SECRETS_EXPOSED' }),
    );
  });

  it('are rejected if their file is a symbolic link', () => {
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync('/dev/null', file);
    expect(() => loadSecrets('dev', dir, noVariables)).toThrow(
      expect.objectContaining({ code: 'SECRETS_EXPOSED' }),
    );
  });

  it.each(['', '{', '{"schema":"redis-cache-kit/secrets/0"}'])(
    'cause an error that contains no part of their file if it is broken: %j',
    (text) => {
      loadSecrets('dev', dir, noVariables);
      const kept = readFileSync(file, 'utf8');
      writeFileSync(file, text);
      expect(() => loadSecrets('dev', dir, noVariables)).toThrow(
        expect.objectContaining({ code: 'SECRETS_BROKEN' }),
      );
      expect(kept).toContain('redis-cache-kit/secrets/1');
    },
  );

  it('cause an error that names their file if it cannot be read or written', () => {
    writeFileSync(join(dir, 'environments'), 'in the way');
    expect(() => loadSecrets('dev', dir, noVariables)).toThrow(
      expect.objectContaining({ code: 'STATE_UNREADABLE' }),
    );
    expect(() => loadSecrets('dev', '/sys', noVariables)).toThrow(
      expect.objectContaining({
        code: 'STATE_UNWRITABLE',
        where: '/sys/environments/dev/secrets.json',
      }),
    );
  });
});
