/**
 * Completes a build of the client (`client/dist`, CommonJS by tsc) so that `import` and `require` load the same modules:
 *
 *   dist/package.json   marks the .js files as CommonJS, independent of the package
 *   dist/index.mjs      entry point for `import`: names every export of index.js and has no code
 *   dist/index.d.mts    types of index.mjs
 *
 * Each process has one implementation, so `instanceof` works on errors from both entry points.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const dist = join(import.meta.dirname, '../../client/dist');
// Written first: without it, Node treats index.js as an ES module.
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
const exported: object = createRequire(import.meta.url)(join(dist, 'index.js'));
const names = Object.keys(exported).sort();

writeFileSync(
  join(dist, 'index.mjs'),
  `export {\n${names.map((name) => `  ${name},\n`).join('')}} from './index.js';\n`,
);
writeFileSync(join(dist, 'index.d.mts'), "export * from './index.js';\n");
