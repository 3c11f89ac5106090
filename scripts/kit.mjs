#!/usr/bin/env node
/**
 * The `kit` command. In the checkout it runs the TypeScript sources (`kit.ts` is a link to this file); in the package
 * it runs the JavaScript in `dist`. This file is plain JavaScript, because otherwise a Node.js version that is too old
 * would print a stack trace instead of the required version.
 */
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

const isCheckout = existsSync(new URL('./main.ts', import.meta.url));
const oldest = isCheckout ? { major: 24, minor: 0 } : { major: 20, minor: 19 };
const fix = isCheckout
  ? 'npm ci, then npm run kit -- …, which uses the installed Node'
  : 'install a current Node, or npm install --save-dev node@24 and run npx kit';
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
  process.stderr.write(
    [
      `kit: requires Node ${oldest.major}.${oldest.minor} or newer, got ${process.versions.node}`,
      `  fix      ${fix}`,
      '',
    ].join('\n'),
  );
  process.exitCode = 2;
} else {
  // Compiling TypeScript takes most of the start-up time in a checkout, so the compiled code is cached.
  if (isCheckout) {
    nodeModule.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/kit', import.meta.url)));
  }
  await import(isCheckout ? './main.ts' : '../dist/scripts/main.js');
}
