/**
 * Completes a build of the client (`client/dist`, CommonJS by tsc) so that `import` and `require` load the same
 * modules:
 *
 *   dist/package.json   marks the .js files as CommonJS, independent of the package
 *   dist/<entry>.mjs    entry point for `import`: names every export of <entry>.js and has no code
 *   dist/<entry>.d.mts  types of <entry>.mjs
 *
 * The entry points are those of `exports` in the manifest of the client. Each process has one implementation, so
 * `instanceof` works on errors from all entry points.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly require: { readonly default: string } }>>;
}

const client = join(import.meta.dirname, '../../client');
const manifest = JSON.parse(readFileSync(join(client, 'package.json'), 'utf8')) as Manifest;
// Written first: without it, Node.js treats the .js files as ES modules.
writeFileSync(join(client, 'dist/package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
const require = createRequire(import.meta.url);

for (const entry of Object.values(manifest.exports)) {
  if (typeof entry === 'string') continue;
  const path = join(client, entry.require.default);
  const from = `'./${basename(path)}'`;
  const names = Object.keys(require(path) as object).sort();
  const lines = names.map((name) => `  ${name},\n`).join('');
  writeFileSync(
    path.replace(/\.js$/, '.mjs'),
    lines === '' ? 'export {};\n' : `export {\n${lines}} from ${from};\n`,
  );
  writeFileSync(path.replace(/\.js$/, '.d.mts'), `export * from ${from};\n`);
}
