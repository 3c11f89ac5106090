/**
 * Completes a build of the client (`client/dist`, CommonJS by tsc) so that `import` and `require` load the same modules:
 *
 *   dist/package.json   says that the .js files are CommonJS, whatever the package is
 *   dist/index.mjs      names every export of index.js for `import`; has no code of its own
 *   dist/index.d.mts    the types for it
 *
 * One implementation per process: an error of the one is an `instanceof` of the other's class.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const dist = join(import.meta.dirname, '../../client/dist');
// First: without it Node takes index.js for an ES module.
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
const exported: object = createRequire(import.meta.url)(join(dist, 'index.js'));
const names = Object.keys(exported).sort();

writeFileSync(
  join(dist, 'index.mjs'),
  `export {\n${names.map((name) => `  ${name},\n`).join('')}} from './index.js';\n`,
);
writeFileSync(join(dist, 'index.d.mts'), "export * from './index.js';\n");
