/**
 * `kit canary-status` and `kit canary-adjust` in any environment, from the start of a rollout to a cleared rollback.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CanaryTestingService, type CanaryView, fixedFlags, replay } from '../../../canary/index.ts';
import { EXIT } from '../../../config/errors.ts';
import { openCacheData } from '../../../scripts/cache/cache-data.ts';
import { type CanaryData, openCanaryData } from '../../../scripts/canary/canary-data.ts';
import { jsonOf, NAMESPACE, type OpenPlace } from './place.ts';

/** An application's rollout that uses the data of the environment, with a separate clock. */
class Application implements AsyncDisposable {
  readonly #data: CanaryData;
  readonly canary: CanaryTestingService;
  readonly #time: { now: number };

  private constructor(data: CanaryData, canary: CanaryTestingService, time: { now: number }) {
    this.#data = data;
    this.canary = canary;
    this.#time = time;
  }

  static async start({ place }: OpenPlace): Promise<Application> {
    const data = await openCanaryData({ set: {}, ...place.options });
    const time = { now: Date.now() - 3_600_000 };
    const canary = await CanaryTestingService.open({
      cache: data.cache,
      flags: fixedFlags({ redisCache: true, patternCache: true }),
      now: () => time.now,
    });
    return new Application(data, canary, time);
  }

  /** Sends requests from all users. The given share of the requests in the canary fails. */
  async send(failing: number): Promise<void> {
    for (let i = 0; i < 2_000; i++) {
      const user = this.canary.assign(`user-${i}`);
      const ok = user.arm !== 'canary' || i % 100 >= failing * 100;
      this.canary.record(user, { ok, ms: 10, lookup: 'hit' });
    }
    await this.canary.flush();
  }

  async judgeLater(ms: number): Promise<void> {
    this.#time.now += ms;
    await this.canary.adjust();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.canary.close();
    await this.#data[Symbol.asyncDispose]();
  }
}

export function canaryCommands(get: () => OpenPlace): void {
  describe('the canary commands', () => {
    let application: Application | undefined;
    const running = (): Application => {
      if (application === undefined) throw new Error('the rollout has not started');
      return application;
    };

    beforeAll(async () => {
      await get().admin.flushall();
    });
    afterAll(() => application?.[Symbol.asyncDispose]());

    it('report a rollout that has not started, without starting it', async () => {
      const { on } = get();
      const { exitCode, out } = await on('canary-status', '--json');
      expect(exitCode).toBe(EXIT.UNKNOWN);
      expect(JSON.parse(out)).toMatchObject({ status: 'not started', share: 0, log: { entries: 0 } });
      expect((await on('canary-adjust', '--dry-run')).exitCode).toBe(EXIT.UNKNOWN);
      expect(await inDatabase(get(), (admin) => admin.dbsize())).toBe(0);
    });

    it('show both arms of a running canary, and the reasons for its verdict', async () => {
      application = await Application.start(get());
      await application.send(0);
      await application.judgeLater(5_000);
      const { exitCode, out } = await get().on('canary-status');
      expect(exitCode).toBe(EXIT.GO);
      expect(out).toMatch(/pattern-cache: running, 5 % of the users/);
      expect(out).toMatch(/now: hold; .*requests of the canary, at least 5000 needed/);
      expect(out).toMatch(/affected users +0 +0/);
      expect(out).toMatch(/all recomputed/);
    });

    it('report a rollback as the decision of a dry run, and then make this decision', async () => {
      const { on } = get();
      const { canary } = running();
      await running().send(0.5);
      const dry = await jsonOf(on('canary-adjust', '--dry-run', '--json'));
      expect(dry).toMatchObject({ dryRun: true, verdict: 'rollback', share: 0 });
      expect((await on('canary-status', '--json')).exitCode).toBe(EXIT.GO);
      const { exitCode, out } = await on('canary-adjust');
      expect(exitCode).toBe(EXIT.NO_GO);
      expect(out).toMatch(/decided: rollback; errors affect more users in the canary than in the control/);
      expect(out).toMatch(/share 0 %, rolled-back/);
      await canary.refresh();
      expect(Array.from({ length: 500 }, (_, i) => canary.isEnabled(`user-${i}`))).not.toContain(true);
    });

    it('write a page and the decision log, which can be replayed', async () => {
      const { dir, on } = get();
      const [page, log] = [join(dir, 'canary.html'), join(dir, 'log.jsonl')];
      const { exitCode, out } = await on('canary-status', '--json', '--html', page, '--log', log);
      expect(exitCode).toBe(EXIT.NO_GO);
      const view = JSON.parse(out) as CanaryView;
      expect(view).toMatchObject({
        status: 'rolled-back',
        share: 0,
        log: { problem: null, decisions: 2 },
      });
      expect(view.changes.map(({ decision }) => decision.verdict)).toEqual(['rollback']);
      const html = readFileSync(page, 'utf8');
      expect(html).toMatch(/<h1>Canary pattern-cache: rolled-back, 0 % of the users<\/h1>/);
      expect(html).toMatch(/<polyline class="users"/);
      expect(html).not.toMatch(/<script|https?:/);
      expect(replay(readFileSync(log, 'utf8').trimEnd().split('\n')).problem).toBeUndefined();
    });

    it('keep the rollback in later looks, and clear it only with the explicit option', async () => {
      const { on } = get();
      expect((await on('canary-adjust')).exitCode).toBe(EXIT.NO_GO);
      expect((await on('canary-adjust', '--dry-run', '--clear-rollback')).exitCode).toBe(EXIT.USAGE);
      const { exitCode, out } = await on('canary-adjust', '--clear-rollback', '--json');
      expect(exitCode).toBe(EXIT.GO);
      expect(JSON.parse(out)).toMatchObject({ verdict: 'clear', share: 0.05, status: 'running' });
    });

    it('report that the log was changed', async () => {
      const key = `${NAMESPACE}:~canary:{pattern-cache}:log`;
      await inDatabase(get(), async (admin) => {
        const line = String(await admin.hget(key, '1'));
        await admin.hset(key, '1', line.replace('"processes":1', '"processes":2'));
      });
      const { exitCode, out } = await get().on('canary-status');
      expect(exitCode).toBe(EXIT.NO_GO);
      expect(out).toMatch(/log: DAMAGED: entry 2: its digest does not match its content/);
    });
  });
}

/** The canary database that `config/canary.yaml` sets. */
const CANARY_DB = 2;

/** Runs commands on the master, in the canary database. */
async function inDatabase<T>({ place }: OpenPlace, act: (admin: Redis) => Promise<T>): Promise<T> {
  await using data = await openCacheData({ set: {}, ...place.options, db: CANARY_DB });
  const [master] = await data.masters();
  if (master === undefined) throw new Error('the environment has no master');
  return await act(master.redis);
}
