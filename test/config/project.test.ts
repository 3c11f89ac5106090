import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentFlags, environmentNames, loadEnvironment, sourceOf } from '../../config/load.ts';
import { findProject, NO_PROJECT } from '../../config/project.ts';
import { catchKitError } from '../support/kit-error.ts';

let dir: string;
let files = 0;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kit-project-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Writes a kit.yaml and other files into a new folder, and reads the project. */
function project(text: string, others: Readonly<Record<string, string>> = {}) {
  const folder = join(dir, String(++files));
  mkdirSync(folder);
  for (const [name, content] of Object.entries({ 'kit.yaml': text, ...others }))
    writeFileSync(join(folder, name), content);
  return { folder, read: () => findProject(undefined, folder) };
}

const load = (name: string, text: string, others: Readonly<Record<string, string>> = {}) =>
  loadEnvironment(name, {}, new Map(), project(text, others).read());
const dev = () => loadEnvironment('dev', {}, new Map(), NO_PROJECT);

describe('a directory without kit.yaml', () => {
  it('has an empty project', () => {
    expect(findProject(undefined, dir)).toBe(NO_PROJECT);
  });

  it('rejects --config with a path that does not exist', () => {
    expect(catchKitError(() => findProject('missing.yaml', dir))).toMatchObject({
      code: 'CONFIG_NOT_FOUND',
      where: join(dir, 'missing.yaml'),
      hint: expect.stringContaining('kit init'),
    });
  });
});

describe('kit.yaml', () => {
  it('may be empty, or contain only comments', () => {
    expect(project('# later\n').read()).toMatchObject({ environments: {}, gates: [], modules: [] });
  });

  it('resolves gates and modules against its own folder, and keeps package names', () => {
    const { folder, read } = project(
      'gates: [ours.yaml]\nmodules: [./drills.mjs, faults.ts, "@shop/redis-drills"]\n',
    );
    expect(read().gates).toEqual([join(folder, 'ours.yaml')]);
    expect(read().modules).toEqual([
      ...['drills.mjs', 'faults.ts'].map((name) => join(folder, name)),
      '@shop/redis-drills',
    ]);
  });

  it('accepts waivers in the format of config/gates.yaml', () => {
    const waiver =
      '{ gate: hit-ratio, owner: team shop, reason: the cache is cold on Mondays, expires: 2030-01-31 }';
    expect(project(`waivers: [${waiver}]`).read().waivers).toMatchObject([{ owner: 'team shop' }]);
    expect(catchKitError(project('waivers: [{ gate: hit-ratio }]').read).message).toContain('owner');
  });

  it('rejects an unknown section with an error that states the file, the line and the allowed sections', () => {
    const { folder, read } = project('gates: []\nmodule: []\n');
    expect(catchKitError(read)).toMatchObject({
      message: expect.stringMatching(/unknown key 'module'; did you mean 'modules'\?.*environments, gates/),
      where: `${join(folder, 'kit.yaml')}:2: module`,
    });
  });
});

describe('an environment in kit.yaml', () => {
  it('extends a built-in environment, and its own settings replace individual values and entire lists', () => {
    const shop = load(
      'shop',
      'environments:\n  shop: { extends: dev, redis: { maxmemory: 512mb, save: [] } }\n',
    );
    const { redis, ...rest } = dev();
    expect(shop).toEqual({
      ...rest,
      name: 'shop',
      redis: { ...redis, maxmemory: 512 * 1024 ** 2, save: [] },
    });
    expect(Object.isFrozen(shop.redis)).toBe(true);
  });

  it('extends another environment of the file, or a YAML file relative to kit.yaml', () => {
    const text =
      'environments:\n  one: { extends: ./base.yaml }\n  two: { extends: one, client: { namespace: two } }\n';
    const base = 'extends: dev\nname: base\nclient: { namespace: base, defaultTtlSeconds: 7 }\n';
    expect(load('two', text, { 'base.yaml': base }).client).toMatchObject({
      namespace: 'two',
      defaultTtlSeconds: 7,
      breaker: dev().client.breaker,
    });
  });

  it('replaces a built-in environment with the same name, which it may extend', () => {
    const text = 'environments:\n  dev: { extends: dev, client: { defaultTtlSeconds: 9 } }\n';
    expect(load('dev', text).client.defaultTtlSeconds).toBe(9);
    expect(dev().client.defaultTtlSeconds).toBe(300);
  });

  it('is listed with the built-in environments', () => {
    const { read } = project('environments: { shop: { extends: dev } }');
    expect(environmentNames(read())).toEqual(['cluster', 'dev', 'production', 'shop', 'single', 'staging']);
  });

  it('is overridden by flags', () => {
    const { read } = project('environments: { shop: { extends: dev, redis: { maxmemory: 512mb } } }');
    expect(loadEnvironment('shop', { 'redis.maxmemory': '64mb' }, new Map(), read()).redis.maxmemory).toBe(
      64 * 1024 ** 2,
    );
  });

  it('has the path from --config in its source, for hints', () => {
    const { folder } = project('environments: { shop: { extends: dev } }');
    const named = findProject(join(folder, 'kit.yaml'), dir);
    expect(sourceOf(loadEnvironment('shop', {}, new Map(), named))?.config).toBe(join(folder, 'kit.yaml'));
  });

  it('is named in hints as the user named it, even if its configuration was recorded at the start', () => {
    const file = join(dir, 'mine.yaml');
    writeFileSync(
      file,
      readFileSync('config/environments/dev.yaml', 'utf8').replace('name: dev', 'name: mine'),
    );
    const recorded: typeof config = JSON.parse(JSON.stringify(loadEnvironment(file)));
    const config = loadEnvironment(file);
    expect([config, recorded].map(environmentFlags)).toEqual([`--env ${file}`, `--env ${file}`]);
    expect(environmentFlags({ name: 'never-loaded' })).toBe('--env never-loaded');
  });

  it.each([
    {
      problem: 'an invalid setting of its own',
      text: 'environments:\n  shop:\n    extends: dev\n    redis:\n      maxmemory: lots\n',
      where: 'kit.yaml:5: environments.shop.redis.maxmemory',
      message: /must be a size.*got 'lots'/,
    },
    {
      problem: 'an unknown setting',
      text: 'environments:\n  shop:\n    extends: dev\n    redis:\n      maxmemry: 1gb\n',
      where: 'kit.yaml:5: environments.shop.redis.maxmemry',
      message: /did you mean 'maxmemory'\?/,
    },
    {
      problem: 'an unknown base',
      text: 'environments:\n  shop:\n    extends: produktion\n',
      where: 'kit.yaml:3: environments.shop.extends',
      message: /'produktion' is not an environment; did you mean 'production'\?/,
    },
    {
      problem: 'a base that is not a name',
      text: 'environments:\n  shop:\n    extends: [dev]\n',
      where: 'kit.yaml:3: environments.shop.extends',
      message: /must be the name of an environment or a YAML file/,
    },
    {
      problem: 'a cycle of bases',
      text: 'environments:\n  shop:\n    extends: two\n  two:\n    extends: shop\n',
      where: 'kit.yaml:5: environments.two.extends',
      message: /must not extend itself, got shop → two → shop/,
    },
    {
      problem: 'a second name',
      text: 'environments:\n  shop:\n    extends: dev\n    name: other\n',
      where: 'kit.yaml:4: environments.shop.name',
      message: /must be the name of the environment, 'shop', got 'other'/,
    },
    {
      problem: 'a missing setting without a base',
      text: 'environments:\n  shop:\n    topology: { kind: single, replicas: 0, sentinels: 0, quorum: 1 }\n',
      where: 'kit.yaml',
      message: /kit\.yaml:2: environments\.shop\.purpose: is missing/,
    },
  ])('causes one error with file, line and path: $problem', ({ text, where, message }) => {
    const error = catchKitError(() => load('shop', text));
    expect(error.message).toMatch(message);
    expect(error.where).toMatch(new RegExp(`${where.replaceAll('.', '\\.')}$`));
  });

  it('reports an invalid value in its base with the file name of the base', () => {
    const base = 'extends: dev\nname: base\nclient:\n  defaultTtlSeconds: soon\n';
    const error = catchKitError(() =>
      load('shop', 'environments: { shop: { extends: base.yaml } }', { 'base.yaml': base }),
    );
    expect(error.where).toMatch(/base\.yaml:4: client\.defaultTtlSeconds$/);
  });
});

describe('an environment file', () => {
  it('may extend a built-in environment, and needs a different name', () => {
    const { folder } = project('', {
      'mine.yaml': 'extends: dev\nname: mine\n',
      'nameless.yaml': 'extends: dev\n',
    });
    const file = join(folder, 'mine.yaml');
    expect(loadEnvironment(file, {}, new Map(), NO_PROJECT)).toEqual({ ...dev(), name: 'mine' });
    const nameless = join(folder, 'nameless.yaml');
    const error = catchKitError(() => loadEnvironment(nameless, {}, new Map(), NO_PROJECT));
    expect(error).toMatchObject({
      where: `${nameless}:1: name`,
      message: expect.stringContaining('is missing'),
    });
  });
});
