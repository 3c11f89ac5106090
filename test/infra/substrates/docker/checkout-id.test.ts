import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { findOwner, ownerOf } from '../../../../infra/substrates/docker/checkout-id.ts';
import { temporaryStateDir } from '../local/fixtures.ts';

const temporary = temporaryStateDir();
let count = 0;
const stateDir = () => {
  count += 1;
  const path = join(temporary.path, `state-${count}`);
  mkdirSync(path);
  return path;
};
const local = { docker: {} };
const remote = (settings: Readonly<Record<string, string>>, type = 'http') => ({
  docker: { backend: { type, settings } },
});
const idOf = (settings: Readonly<Record<string, string>>, type?: string) =>
  ownerOf(remote(settings, type), '/nowhere').id;

afterAll(() => temporary[Symbol.dispose]());
afterEach(() => vi.unstubAllEnvs());

describe('the owner of a checkout', () => {
  it('is random but stable, and contains host and path', () => {
    const [one, other] = [stateDir(), stateDir()];
    expect(findOwner(local, one)).toBeUndefined();
    const owner = ownerOf(local, one);
    expect(owner).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      place: `${hostname()}:${one}`,
    });
    expect(ownerOf(local, one).id).toBe(owner.id);
    expect(findOwner(local, one)?.id).toBe(owner.id);
    expect(ownerOf(local, other).id).not.toBe(owner.id);
  });

  it('changes after the state is removed', () => {
    const path = stateDir();
    const { id } = ownerOf(local, path);
    rmSync(join(path, 'docker'), { recursive: true });
    expect(findOwner(local, path)).toBeUndefined();
    expect(ownerOf(local, path).id).not.toBe(id);
  });

  it('stays the same, with its labels, if the directory is moved or reached through a link', () => {
    const path = stateDir();
    const owner = ownerOf(local, path);
    symlinkSync(path, `${path}-link`);
    expect(ownerOf(local, `${path}-link`)).toEqual(owner);
    renameSync(path, `${path}-moved`);
    expect(ownerOf(local, `${path}-moved`)).toEqual(owner);
  });

  it('changes in a copy of the directory, and stays the same in the original', () => {
    const path = stateDir();
    const owner = ownerOf(local, path);
    cpSync(path, `${path}-copy`, { recursive: true });
    expect(findOwner(local, `${path}-copy`)).toBeUndefined();
    const copy = ownerOf(local, `${path}-copy`);
    expect(copy.id).not.toBe(owner.id);
    expect(copy.place).toBe(`${hostname()}:${path}-copy`);
    expect(ownerOf(local, `${path}-copy`)).toEqual(copy);
    expect(ownerOf(local, path)).toEqual(owner);
  });

  it('is the value of KIT_OWNER if that variable is set', () => {
    vi.stubEnv('KIT_OWNER', 'ci-runner-3');
    expect(ownerOf(local, stateDir())).toEqual({ id: 'ci-runner-3', place: 'KIT_OWNER=ci-runner-3' });
    vi.stubEnv('KIT_OWNER', 'not a name');
    expect(() => ownerOf(local, stateDir())).toThrow(
      expect.objectContaining({ code: 'OWNER_INVALID', where: 'variable KIT_OWNER' }),
    );
  });

  it('is not read from a file without a valid id', () => {
    const path = stateDir();
    ownerOf(local, path);
    writeFileSync(join(path, 'docker', 'owner.json'), '{"id": 7}');
    expect(() => ownerOf(local, path)).toThrow(
      expect.objectContaining({ code: 'STATE_UNREADABLE', where: expect.stringContaining('owner.json') }),
    );
    expect(readFileSync(join(path, 'docker', 'owner.json'), 'utf8')).toBe('{"id": 7}');
  });
});

describe('the owner of a state in a backend', () => {
  const address = 'https://states.example/dev';

  it('is the same for all checkouts that use that state, regardless of the login', () => {
    const expected = idOf({ address });
    expect(idOf({ address, username: 'one', password: 'secret' })).toBe(expected);
    expect(idOf({ address: 'https://kit:secret@states.example/dev', retry_max: '3' })).toBe(expected);
    expect(ownerOf(remote({ address }), stateDir()).place).toBe(
      `Terraform backend http (address=${address})`,
    );
  });

  it.each([
    ['another address', { address: 'https://states.example/staging' }, 'http'],
    ['another kind of backend', { address }, 'consul'],
  ])('differs for %s', (_, settings, type) => {
    expect(idOf(settings, type)).not.toBe(idOf({ address }));
  });

  it('differs if a variable names another location, and never contains a password', () => {
    vi.stubEnv('PG_CONN_STR', 'postgres://kit:first@one.example/states');
    const one = ownerOf(remote({}, 'pg'), stateDir());
    vi.stubEnv('PG_CONN_STR', 'postgres://kit:second@one.example/states');
    expect(ownerOf(remote({}, 'pg'), stateDir())).toEqual(one);
    expect(one.place).not.toContain('first');
    vi.stubEnv('PG_CONN_STR', 'postgres://kit:second@other.example/states');
    expect(ownerOf(remote({}, 'pg'), stateDir()).id).not.toBe(one.id);
  });
});
