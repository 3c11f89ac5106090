/**
 * `npm run bench -- history [megabytes …] [--run <folder>] [--drill <id>] [--save <file>]`: CPU time and peak memory of
 * `kit analyze` and `kit verify` on long histories.
 *
 *   kit drill (or --run) ─▶ lines of one trial, repeated up to each size ─▶ kit analyze, kit verify: a process each
 *
 * The exit code is 1 if a command on at most 1,000 MB exceeds a bound. The time bound applies to CPU time, because
 * elapsed time depends on the other load on the machine. The folders are removed afterwards.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { writeLongRun } from './repeat.ts';

const KIT = resolve('scripts/kit.ts');
const USAGE = pathToFileURL(resolve('bench/history/usage.mjs'));
const BOUNDS = { megabytes: 1_000, cpuSeconds: 60, peakBytes: 512 * 1024 ** 2 };

interface Usage {
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

interface Measured extends Usage {
  readonly seconds: number;
}

const { values: options, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    run: { type: 'string' },
    drill: { type: 'string', default: 'master-crash' },
    save: { type: 'string' },
  },
});
const sizes = positionals.length === 0 ? [100, 500, 1_000] : positionals.map(Number);
if (!sizes.every((megabytes) => megabytes > 0)) {
  process.stderr.write(
    'usage: npm run bench -- history [megabytes …] [--run <folder>] [--drill <id>] [--save <file>]\n',
  );
  process.exit(2);
}

/** Runs a command of the kit. A verdict other than go is accepted, because the repeated trial need not pass. */
async function measure(...args: readonly string[]): Promise<Measured> {
  const file = join(folder, 'usage.json');
  const preload = `${USAGE.href}?${encodeURIComponent(file)}`;
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', preload, KIT, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === null || code === 2) throw new Error(`kit ${args.join(' ')} failed`);
  const seconds = (performance.now() - started) / 1_000;
  return { ...(JSON.parse(readFileSync(file, 'utf8')) as Usage), seconds };
}

const HEADER = ['command', 'MB', 'operations', 'CPU s', 'elapsed s', 'peak MiB'];
const lines = [`| ${HEADER.join(' | ')} |`, `|---|${'--:|'.repeat(HEADER.length - 1)}`];
const exceeded: string[] = [];
const print = (line: string) => process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), 'kit-history-'));
try {
  const source = options.run ?? join(folder, 'recorded');
  if (options.run === undefined) await measure('drill', options.drill, '--out', source);
  for (const line of lines) print(line);
  for (const megabytes of sizes) {
    const dir = join(folder, `${megabytes}`);
    const { bytes, operations } = writeLongRun(source, dir, options.drill, megabytes * 1e6);
    for (const command of ['analyze', 'verify']) {
      const { cpuSeconds, seconds, peakBytes } = await measure(command, dir);
      const cells = [
        ...[`kit ${command}`, (bytes / 1e6).toFixed(0), String(operations)],
        ...[cpuSeconds.toFixed(1), seconds.toFixed(1), (peakBytes / 1024 ** 2).toFixed(0)],
      ];
      lines.push(`| ${cells.join(' | ')} |`);
      print(lines.at(-1) ?? '');
      const isBound = megabytes <= BOUNDS.megabytes;
      if (isBound && (cpuSeconds > BOUNDS.cpuSeconds || peakBytes > BOUNDS.peakBytes))
        exceeded.push(`kit ${command} on ${megabytes} MB`);
    }
    rmSync(dir, { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true });
}
const bound = `bounds for ${BOUNDS.megabytes} MB: ${BOUNDS.cpuSeconds} s of CPU time, ${BOUNDS.peakBytes / 1024 ** 2} MiB`;
print(`${bound}; ${exceeded.length === 0 ? 'met' : `exceeded by ${exceeded.join(', ')}`}`);
if (options.save !== undefined) {
  const text = [
    ...['# Judging long histories', ''],
    `\`npm run bench -- history ${sizes.join(' ')} --drill ${options.drill}\`, Node ${process.versions.node},`,
    `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}). A recorded trial of the drill, repeated with shifted`,
    'times, ids and keys; the report is computed by `kit analyze`, and hashed and compared by `kit verify`.',
    ...[
      '',
      ...lines,
      '',
      `Result: ${bound}; ${exceeded.length === 0 ? 'met' : `exceeded by ${exceeded.join(', ')}`}.`,
      '',
    ],
  ];
  writeFileSync(options.save, text.join('\n'));
}
process.exitCode = exceeded.length === 0 ? 0 : 1;
