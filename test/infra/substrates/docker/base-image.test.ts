/** Resolves apt packages on a machine without package lists. A separate apt configuration redirects apt's folders. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { resolvePackages } from '../../../../infra/substrates/docker/base-image.ts';
import { temporaryStateDir } from '../local/fixtures.ts';

const state = temporaryStateDir();
afterEach(() => vi.unstubAllEnvs());
afterAll(() => state[Symbol.dispose]());

const PACKAGE = 'Package: kit-example\nVersion: 1.2\nArchitecture: all\nFilename: ./none.deb\nSize: 1\n';

/**
 * Configures apt with separate lists, which are empty until `apt-get update`, and with one folder as the only source.
 */
function aptWith(packages: string | undefined): { readonly lists: string } {
  const root = join(state.path, packages === undefined ? 'without' : 'with');
  const lists = join(root, 'lists');
  for (const dir of ['lists/partial', 'cache/archives/partial', 'source']) {
    mkdirSync(join(root, dir), { recursive: true });
  }
  if (packages !== undefined) writeFileSync(join(root, 'source', 'Packages'), packages);
  writeFileSync(
    join(root, 'sources.list'),
    packages === undefined ? '' : `deb [trusted=yes] file:${root}/source ./\n`,
  );
  const config = join(root, 'apt.conf');
  const settings = {
    'Dir::State::lists': `${lists}/`,
    'Dir::Cache': `${root}/cache/`,
    'Dir::Etc::sourcelist': `${root}/sources.list`,
    'Dir::Etc::sourceparts': '/dev/null',
    'APT::Sandbox::User': 'root',
  };
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";\n`)
      .join(''),
  );
  vi.stubEnv('APT_CONFIG', config);
  return { lists };
}

const runsOnDebian = existsSync('/usr/bin/apt-get');

it.runIf(runsOnDebian)('missing package lists are fetched once', async () => {
  const { lists } = aptWith(PACKAGE);
  expect(await resolvePackages(['kit-example'])).toEqual([{ name: 'kit-example', version: '1.2' }]);
  const fetched = readdirSync(lists).sort();
  expect(fetched.join()).toContain('Packages');
  expect(await resolvePackages(['kit-example'])).toHaveLength(1);
  expect(readdirSync(lists).sort()).toEqual(fetched);
});

it.runIf(runsOnDebian)('a package without a source leads to one clear error with a remedy', async () => {
  aptWith(undefined);
  await expect(resolvePackages(['kit-example'])).rejects.toMatchObject({
    code: 'PACKAGE_MISSING',
    message: expect.stringContaining('kit-example'),
    hint: expect.stringContaining('apt-get update'),
  });
});
