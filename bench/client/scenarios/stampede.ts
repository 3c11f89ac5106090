/**
 * One cold key requested by all callers at once: number of loads, commands, and latency of the slowest caller. The
 * measurement is repeated with the lease holder killed during the load.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { median } from '../measure.ts';
import type { BenchRedis } from '../redis.ts';
import { type Bench, bounded, type Goal, type Outcome, type Scenario } from '../scenario.ts';
import { total } from '../with-subjects.ts';
import type { CallerReport, CallerTask } from './caller.ts';

const PROCESSES = 4;
const CALLERS = 1_000;
const LOAD_MS = 50;
const REPLY_TIMEOUT_MS = 30_000;

class Callers implements Disposable {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  static async start(redis: BenchRedis, subject: CallerTask['subject']): Promise<Callers> {
    const file = join(import.meta.dirname, 'caller.ts');
    const callers = new Callers(
      Array.from({ length: PROCESSES }, () =>
        fork(file, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
      ),
    );
    const open = { open: { subject, target: { host: redis.host, port: redis.port } } };
    await Promise.all(callers.#children.map((child) => answered(child, open)));
    return callers;
  }

  /** Sends the requests from all processes at once. With `kill`, the loading process is killed during the load. */
  async ask(task: CallerTask['ask'], kill = false): Promise<readonly CallerReport[]> {
    let killed = false;
    const strike = (child: ChildProcess): void => {
      if (killed) return;
      killed = true;
      child.kill('SIGKILL');
    };
    const asked = this.#children.map((child) =>
      answered(child, { ask: task }, kill ? () => strike(child) : undefined),
    );
    const reports = await Promise.all(asked);
    return reports.filter((report) => report !== undefined);
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

/** Returns the report of a child process; undefined if it was killed. */
function answered(
  child: ChildProcess,
  message: object,
  onLoading?: () => void,
): Promise<CallerReport | undefined> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error('a caller process did not answer')), REPLY_TIMEOUT_MS);
    const over = (report?: CallerReport): void => {
      clearTimeout(timer);
      child.off('message', heard);
      child.off('exit', gone);
      done(report);
    };
    const heard = (said: unknown): void => {
      if (said === 'loading') onLoading?.();
      else over(said as CallerReport);
    };
    const gone = (): void => over();
    child.on('message', heard);
    child.once('exit', gone);
    child.send(message);
  });
}

interface Rush {
  readonly loads: number;
  readonly commands: number;
  readonly slowestMs: number;
}

async function rush(callers: Callers, redis: BenchRedis, key: string): Promise<Rush> {
  let reports: readonly CallerReport[] = [];
  const commands = await redis.commands(async () => {
    reports = await callers.ask({ key, callers: CALLERS, loadMs: LOAD_MS });
    // Storing the value continues after the reply.
    await new Promise((done) => setTimeout(done, LOAD_MS));
  });
  return {
    loads: reports.reduce((sum, { loads }) => sum + loads, 0),
    commands: total(commands),
    slowestMs: Math.max(...reports.map(({ slowestMs }) => slowestMs)),
  };
}

export const stampede: Scenario = {
  id: 'stampede',
  title: `${PROCESSES} processes x ${CALLERS} callers, one cold key, loader of ${LOAD_MS} ms: slowest caller`,
  async run(bench): Promise<Outcome> {
    const rows = [];
    const goals: Goal[] = [];
    for (const subject of ['kit', 'ioredis', 'bentocache', 'cacheable', 'cacheManager', 'dedupe'] as const) {
      using callers = await Callers.start(bench.redis, subject);
      await rush(callers, bench.redis, `${subject}:warm-up`);
      const rushes: Rush[] = [];
      for (let i = 0; i < 2 + bench.effort; i++)
        rushes.push(await rush(callers, bench.redis, `${subject}:cold:${i}`));
      const slowest = rushes.map(({ slowestMs }) => slowestMs);
      const most = (of: (rush: Rush) => number): number => Math.max(...rushes.map(of));
      rows.push({
        name: `${subject}: ${most(({ loads }) => loads)} loads, ${most(({ commands }) => commands)} commands`,
        median: median(slowest),
        best: Math.min(...slowest),
        ratio: median(slowest) / LOAD_MS,
      });
      if (subject !== 'kit') continue;
      goals.push(
        ...bounded(
          'cold key: loads',
          most(({ loads }) => loads),
          1,
        ),
        ...bounded(
          'cold key: commands',
          most(({ commands }) => commands),
          12,
        ),
        ...bounded('cold key: slowest caller, ms', Math.round(median(slowest)), LOAD_MS + 15),
      );
    }
    goals.push(...(await holderKilled(bench)));
    return { unit: 'ms', rows, goals };
  },
};

/** Kills the first loading process during its load; the others must get a value with one more load. */
async function holderKilled({ redis }: Bench): Promise<readonly Goal[]> {
  using callers = await Callers.start(redis, 'kit');
  await rush(callers, redis, 'warm-up');
  const reports = await callers.ask({ key: 'killed', callers: CALLERS, loadMs: LOAD_MS }, true);
  const loads = 1 + reports.reduce((sum, { loads }) => sum + loads, 0);
  const answered = reports.reduce((sum, report) => sum + report.answered, 0);
  return [
    ...bounded('lease holder killed: loads', loads, 2),
    {
      asks: 'lease holder killed: surviving callers answered',
      measured: `${answered} of ${CALLERS * (PROCESSES - 1)}`,
      held: answered === CALLERS * (PROCESSES - 1),
    },
  ];
}
