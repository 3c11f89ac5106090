/**
 * Checks that the run left nothing behind. Prints `<passed> <failed>` to stdout and details to stderr.
 *   processes      with the mark of this run in their environment
 *   files          in the folder for temporary files, except those of tools
 *   addresses      that this checkout has reserved on the loopback interface
 *   environments   with a ledger in the state directory
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

const temporary = process.argv[2] ?? '';
const mark = `KIT_CI_MARK=${process.argv[3] ?? ''}`;
if (mark.endsWith('=') || temporary === '') throw new Error('usage: leftovers.ts <folder> <mark>');

/** Files created by tools: Node.js's compile cache, testcontainers' lock, and the link to the registry of addresses. */
const THEIRS = /^(node-compile-cache|testcontainers-node-\d+\.lock|redis-cache-kit-\d+)$/;

const looks: Readonly<Record<string, () => readonly string[]>> = {
  'no process': () =>
    processes()
      .filter(({ pid }) => !ancestors().has(pid))
      .map(({ pid, command }) => `process ${pid}: ${command}`),
  'no temporary file': () => readdirSync(temporary).filter((name) => !THEIRS.test(name)),
  'no reserved address': () =>
    claims().filter((claim) => claim.includes(resolve('.')) || claim.includes(temporary)),
  'no environment': () =>
    existsSync('.kit/environments') ? readdirSync('.kit/environments').flatMap(ledger) : [],
};

let failed = 0;
for (const [what, look] of Object.entries(looks)) {
  const found = look();
  if (found.length > 0) failed += 1;
  process.stderr.write(
    `${found.length === 0 ? 'ok' : 'not ok'}: ${what} is left\n${found.map((line) => `  ${line}\n`).join('')}`,
  );
}
process.stdout.write(`${Object.keys(looks).length - failed} ${failed}\n`);

function processes(): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => (read(`/proc/${pid}/environ`) ?? '').split('\0').includes(mark))
    .map((pid) => ({
      pid: Number(pid),
      command: (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim(),
    }));
}

/** This process and its ancestors. */
function ancestors(): ReadonlySet<number> {
  const found = new Set<number>();
  for (let pid = process.pid; pid > 1; ) {
    found.add(pid);
    const stat = read(`/proc/${pid}/stat`) ?? '';
    pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
  }
  return found;
}

function claims(): string[] {
  return readdirSync(temporary)
    .filter((name) => name.startsWith('redis-cache-kit-'))
    .map((name) => join(realpathSync(join(temporary, name)), 'blocks'))
    .filter((dir) => existsSync(dir))
    .flatMap((dir) =>
      readdirSync(dir)
        .filter((name) => name.endsWith('.json'))
        .map((name) => `${name}: ${read(join(dir, name)) ?? ''}`),
    );
}

function ledger(name: string): string[] {
  const path = `.kit/environments/${name}/ledger.json`;
  return existsSync(path) ? [path] : [];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
