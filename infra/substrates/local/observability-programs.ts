/**
 * Programs of `observability.prometheus` on this machine: the system's Prometheus and Alertmanager, and the exporter.
 *
 * The exporter is the `redis_exporter` on the search path, a program built once from the locked module in tools/go.mod
 * (as for the image on Docker), or the older version from Debian.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { makePrivateDir } from '../../host/private-files.ts';
import { findProgram, type ProgramSink, runProgram } from '../../host/process.ts';

export interface ObservabilityPrograms {
  readonly exporter: string;
  readonly prometheus: string;
  readonly alertmanager: string;
}

export interface ProgramsRequest {
  readonly stateDir: string;
  readonly progress: (line: string) => void;
  readonly sink?: ProgramSink | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Looks up programs; for tests. */
  readonly find?: typeof findProgram;
}

const TOOLS = join(import.meta.dirname, '../../../tools');
const MODULE = 'github.com/oliver006/redis_exporter';
/** Timeout of a build, in ms. A first build compiles 20 modules, which takes 44 s on two busy cores. */
const BUILD_TIMEOUT_MS = 600_000;

/** Finds the programs. @throws KitError `OBSERVABILITY_PROGRAM_MISSING` with the package to install */
export async function findObservabilityPrograms(request: ProgramsRequest): Promise<ObservabilityPrograms> {
  const find = request.find ?? findProgram;
  const prometheus = await find('prometheus');
  if (prometheus === undefined) throw missingProgram('prometheus', 'apt-get install prometheus');
  const alertmanager = (await find('prometheus-alertmanager')) ?? (await find('alertmanager'));
  if (alertmanager === undefined)
    throw missingProgram('alertmanager', 'apt-get install prometheus-alertmanager');
  return { prometheus, alertmanager, exporter: await findExporter(request) };
}

async function findExporter({
  stateDir,
  progress,
  find = findProgram,
  ...run
}: ProgramsRequest): Promise<string> {
  const found = await find('redis_exporter');
  if (found !== undefined) return found;
  const built = join(stateDir, 'bin', 'redis_exporter');
  if (existsSync(built)) return built;
  const go = await find('go');
  if (go !== undefined) {
    progress('redis_exporter not found: building it from tools/go.mod');
    makePrivateDir(join(stateDir, 'bin'));
    // The program gets its final name only when it is complete: otherwise the next start would use the result of an
    // interrupted build.
    const draft = `${built}.${process.pid}.next`;
    const { exitCode } = await runProgram({
      command: go,
      args: ['build', '-trimpath', '-o', draft, MODULE],
      cwd: TOOLS,
      env: { CGO_ENABLED: '0' },
      timeoutMs: BUILD_TIMEOUT_MS,
      ...(run.sink && { sink: run.sink }),
      ...(run.signal && { signal: run.signal }),
    });
    if (exitCode === 0) {
      renameSync(draft, built);
      return built;
    }
  }
  const packaged = await find('prometheus-redis-exporter');
  if (packaged !== undefined) return packaged;
  throw missingProgram('redis_exporter', 'install Go 1.26, or apt-get install prometheus-redis-exporter');
}

const missingProgram = (name: string, install: string): KitError =>
  new KitError(`${name} not found in PATH`, {
    code: 'OBSERVABILITY_PROGRAM_MISSING',
    where: 'observability.prometheus',
    hint: `${install}, or set observability.prometheus to false`,
    exitCode: EXIT.UNKNOWN,
  });
