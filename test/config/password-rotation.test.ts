/** The steps of a rotation in the secrets file. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readVariables } from '../../config/env.ts';
import {
  beginRotation,
  endRotation,
  readRotation,
  switchPasswords,
  usersNamed,
} from '../../config/password-rotation.ts';
import { type EnvironmentSecrets, loadSecrets, type PasswordSet, secretsFile } from '../../config/secrets.ts';

const noVariables = new Map();
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kit-rotation-'));
  loadSecrets('dev', dir, noVariables);
});
afterEach(() => rmSync(dir, { recursive: true }));

const load = (): EnvironmentSecrets => loadSecrets('dev', dir, noVariables);
const texts = ({ redis, sentinel }: PasswordSet) => ({
  redis: Object.fromEntries(Object.entries(redis).map(([user, secret]) => [user, secret.reveal()])),
  sentinel: Object.fromEntries(Object.entries(sentinel).map(([user, secret]) => [user, secret.reveal()])),
});
const placeholders = () => {
  const { placeholders: set } = load();
  if (set === undefined) throw new Error('loaded secrets must have placeholders');
  return texts(set);
};
const begin = (...names: string[]) => beginRotation('dev', dir, usersNamed(names, true), noVariables);

describe('a password rotation', () => {
  it('generates new passwords for the named users, and keeps the previous ones current', () => {
    const before = load();
    begin('app', 'peer');
    const { other, ...current } = load();
    expect(texts(current)).toEqual(texts(before));
    expect(other?.redis.app.reveal()).not.toBe(before.redis.app.reveal());
    expect(other?.sentinel.app.reveal()).not.toBe(before.sentinel.app.reveal());
    expect(other?.sentinel.peer.reveal()).not.toBe(before.sentinel.peer.reveal());
    expect(other?.redis.admin.reveal()).toBe(before.redis.admin.reveal());
    expect(readRotation('dev', dir)).toMatchObject({
      phase: 'adding',
      users: { redis: ['app'], sentinel: ['app', 'peer'] },
    });
    expect(statSync(secretsFile('dev', dir)).mode & 0o777).toBe(0o600);
  });

  it('exchanges the current and the other passwords, and exchanges them back', () => {
    const former = texts(load());
    begin('app');
    const drawn = load().other;
    switchPasswords('dev', dir);
    const switched = load();
    expect(readRotation('dev', dir)?.phase).toBe('both');
    expect(switched.redis.app.reveal()).toBe(drawn?.redis.app.reveal());
    expect(switched.other && texts(switched.other)).toEqual(former);
    switchPasswords('dev', dir);
    expect(texts(load())).toEqual(former);
    expect(load().other?.redis.app.reveal()).toBe(drawn?.redis.app.reveal());
  });

  it('ends with the new passwords, and removes the previous ones from the file', () => {
    const former = texts(load());
    begin('app', 'admin');
    switchPasswords('dev', dir);
    endRotation('dev', dir);
    expect(readRotation('dev', dir)).toBeUndefined();
    expect(load().other).toBeUndefined();
    const file = readFileSync(secretsFile('dev', dir), 'utf8');
    for (const password of [former.redis.app, former.redis.admin, former.sentinel.app]) {
      expect(file).not.toContain(password);
    }
  });

  it('keeps the placeholders across several rotations, until a password changes without a rotation', () => {
    const before = placeholders();
    for (let round = 0; round < 2; round += 1) {
      begin('app');
      expect(placeholders()).toEqual(before);
      switchPasswords('dev', dir);
      expect(placeholders()).toEqual(before);
      endRotation('dev', dir);
      expect(placeholders()).toEqual(before);
    }
    const given = readVariables({ env: { KIT_REDIS_APP_PASSWORD: 'another-password' }, directory: dir });
    const { placeholders: changed } = loadSecrets('dev', dir, given);
    expect(changed?.redis.app.reveal()).not.toBe(before.redis.app);
    expect(changed?.redis.admin.reveal()).toBe(before.redis.admin);
  });

  it('is refused while another rotation is in progress, and for a password that a variable sets', () => {
    begin('app');
    expect(() => begin('admin')).toThrow(
      expect.objectContaining({
        code: 'ROTATION_IN_PROGRESS',
        hint: expect.stringContaining('--phase finish'),
      }),
    );
    endRotation('dev', dir);
    const given = readVariables({ env: { KIT_SENTINEL_PEER_PASSWORD_FILE: '/nowhere' }, directory: dir });
    expect(() => beginRotation('dev', dir, usersNamed(['peer'], true), given)).toThrow(
      expect.objectContaining({
        code: 'SECRETS_GIVEN',
        where: 'variable KIT_SENTINEL_PEER_PASSWORD or KIT_SENTINEL_PEER_PASSWORD_FILE',
      }),
    );
    expect(readRotation('dev', dir)).toBeUndefined();
  });

  it('includes no sentinel user if there are no sentinels', () => {
    expect(usersNamed(['app', 'peer'], false)).toEqual({ redis: ['app'], sentinel: [] });
  });
});
