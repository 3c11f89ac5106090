/**
 * Builds the installable package into `dist`: `npm run build`; `npm pack` calls it.
 *
 *   tsc        ─▶ JavaScript and types, in the layout of the checkout; `npm run typecheck` checks the types
 *   data files ─▶ copied to the same relative paths, so that modules find them as in the checkout
 *
 * The kit contains its own build of the client as ES modules: it drills exactly the client of its version.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOP = join(import.meta.dirname, '../..');
const DIST = join(TOP, 'dist');

/** Files and folders that modules read at run time; from folders, everything except TypeScript. */
const DATA = [
  'client/functions/redis_cache_kit.lua',
  'config',
  'harness',
  'infra',
  'redis-production.conf',
  'sentinel.conf',
  'tools/go.mod',
  'tools/go.sum',
  'tools/k6',
  'tools/redis-commander',
];

rmSync(DIST, { recursive: true, force: true });
const compiler = join(TOP, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '-p', import.meta.dirname], { stdio: 'inherit' });
for (const path of DATA) {
  cpSync(join(TOP, path), join(DIST, path), {
    recursive: true,
    filter: (from) => !/[/\\]node_modules(?:[/\\]|$)|\.npmrc$|\.ts$/.test(from),
  });
}
const { name, version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
writeFileSync(
  join(DIST, 'package.json'),
  `${JSON.stringify({ name, version, private: true, type: 'module' }, null, 2)}\n`,
);
