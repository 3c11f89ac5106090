/** One load across real processes, which are killed or stopped, or compete with each other. */
import { type ChildProcess, fork } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, type CacheOptions, redisCache } from '../../../client/index.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import type { LoadRequest, LoadResult } from './child-process.ts';
import { classifyStoredValue, loadLibrary, recordCommands, SCRIPTING } from './lease-party.ts';

const PROGRAM = new URL('child-process.ts', import.meta.url).pathname;

class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  #loads = 0;
  #answers: ((answer: LoadResult) => void)[] = [];
  ready = false;

  constructor(redis: RedisProcess, options: CacheOptions) {
    this.#process = fork(PROGRAM, [JSON.stringify(redis.address), JSON.stringify(options)], { execArgv: [] });
    this.#process.on('message', (message: 'ready' | { loading: string } | LoadResult) => {
      if (message === 'ready') this.ready = true;
      else if ('loading' in message) this.#loads += 1;
      else this.#answers.shift()?.(message);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  run(call: Partial<LoadRequest> = {}): Promise<LoadResult> {
    this.#loads = 0;
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.#process.send({ key: 'k', callers: 1, loadMs: 50, ...call });
    });
  }

  /** Resolves when the process has called its loader. */
  loading(): Promise<void> {
    return waitUntil(`process ${this.pid} loads`, () => this.#loads > 0);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await ended;
  }
}

for (const way of ['functions', 'scripts', 'commands'] as const) {
  describe(`processes that load by ${way}`, () => {
    let redis: RedisProcess;
    let own: Cache;
    let children: readonly [Child, Child, Child, Child];

    beforeAll(async () => {
      redis = await RedisProcess.start();
      if (way === 'functions') await loadLibrary(redis);
      children = [start(), start(), start(), start()];
      own = redisCache({ address: redis.address, namespace: 'p' });
      await waitUntil('the processes are ready', () => children.every(({ ready }) => ready));
    });
    beforeEach(() => redis.admin().flushdb());
    afterAll(async () => {
      await own.close();
      for (const child of children) await child[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    });

    const start = (): Child =>
      new Child(redis, {
        namespace: 'p',
        ...PATIENT_LIMITS,
        compute: { leaseMs: 400, replyTimeoutMs: 5000 },
        scripting: SCRIPTING[way],
      });

    const stored = (): Promise<unknown> => own.get('k');

    it('call the loader once for a thousand callers in each process', async () => {
      // The first call on a connection detects the commands that the server allows.
      await Promise.all(children.map((child) => child.run({ key: 'first', loadMs: 0 })));
      let answers: LoadResult[] = [];
      const commands = await recordCommands(redis.admin(), async () => {
        answers = await Promise.all(children.map((child) => child.run({ callers: 1000 })));
      });
      expect(answers.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
      expect(new Set(answers.flatMap(({ values }) => values)).size).toBe(1);
      if (way !== 'commands') expect(commands.length).toBeLessThanOrEqual(12);
    });

    it('load again when the loading process is killed', async () => {
      await using first = start();
      await waitUntil('the process is ready', () => first.ready);
      const [, ...others] = children;
      void first.run({ loadMs: 60_000 });
      await first.loading();
      const answers = Promise.all(others.map((child) => child.run({ callers: 10 })));
      first.signal('SIGKILL');
      const loads = (await answers).map((answer) => answer.loads);
      expect(loads.reduce((sum, count) => sum + count, 0)).toBe(1);
      expect(new Set((await answers).flatMap(({ values }) => values)).size).toBe(1);
    });

    it('do not store the result of a process that was paused until another process took over its lease', async () => {
      const [slow, quick] = children;
      const late = slow.run({ loadMs: 100 });
      await slow.loading();
      slow.signal('SIGSTOP');
      expect((await quick.run({ loadMs: 10 })).values).toEqual([quick.pid]);
      await waitUntil('the value is stored', async () => (await stored()) === quick.pid);
      slow.signal('SIGCONT');
      expect((await late).values).toEqual([slow.pid]);
      expect(await stored()).toBe(quick.pid);
    });

    it('do not store a value that another process deleted or set during the load', async () => {
      const [first, second] = children;
      const deleted = first.run({ loadMs: 200 });
      await first.loading();
      await own.delete('k');
      expect((await deleted).values).toEqual([first.pid]);
      expect(await stored()).toBeUndefined();

      const overwritten = second.run({ loadMs: 200 });
      await second.loading();
      await own.set('k', 'newer');
      expect((await overwritten).values).toEqual([second.pid]);
      expect(await stored()).toBe('newer');
    });

    it('load again after a deletion, even if an older load is in flight', async () => {
      const [first, second] = children;
      const older = first.run({ loadMs: 300 });
      await first.loading();
      await own.delete('k');
      expect((await second.run({ loadMs: 10 })).values).toEqual([second.pid]);
      await older;
      expect(await stored()).toBe(second.pid);
    });

    it('serve the stale value while one process replaces it', async () => {
      const options = { ttlSeconds: 0.2, staleWhileRevalidateSeconds: 60 };
      const [first, second, third] = children;
      await first.run({ loadMs: 10, options });
      await waitUntil(
        'the value is stored',
        async () => (await classifyStoredValue(redis, 'p:k')) === 'entry',
      );
      await waitUntil('the entry is stale', async () => (await stored()) === undefined);
      const both = await Promise.all([second, third].map((child) => child.run({ loadMs: 300, options })));
      expect(both.flatMap(({ values }) => values)).toEqual([first.pid, first.pid]);
      await waitUntil('one of the processes has loaded', async () => {
        const again = await first.run({ options: { ...options, staleWhileRevalidateSeconds: 0 } });
        return again.loads === 0 && again.values[0] !== first.pid;
      });
    });

    it('return values without Redis, with one load per process', async () => {
      await children[0].run({ key: 'other', loadMs: 0 });
      await redis.kill();
      const answers = await Promise.all(children.map((child) => child.run({ callers: 100, loadMs: 10 })));
      expect(answers.map(({ values, loads }) => [values, loads])).toEqual(
        children.map(({ pid }) => [[pid], 1]),
      );
      await redis.start();
      if (way === 'functions') await loadLibrary(redis);
    });
  });
}
