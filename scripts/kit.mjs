#!/usr/bin/env node
/**
 * The `kit` command; `kit.ts` is a link to this file. It is plain JavaScript, because a Node that is too old for
 * TypeScript would otherwise show a stack instead of the version that is needed.
 */
const oldest = { major: 22, minor: 18 };
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
  process.stderr.write(
    [
      `kit: requires Node ${oldest.major}.${oldest.minor} or newer, got ${process.versions.node}`,
      '  fix      npm ci, then npm run kit -- …, which uses the installed Node',
      '',
    ].join('\n'),
  );
  process.exitCode = 2;
} else {
  await import('./main.ts');
}
