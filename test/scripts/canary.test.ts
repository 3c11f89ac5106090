/** `kit canary-status` and `kit canary-adjust` on an external Redis. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CanaryTestingService,
  type CanaryView,
  fixedFlags,
  loadCanary,
  patternCacheOptions,
  replay,
} from '../../canary/index.ts';
import { type Cache, redisCache } from '../../client/index.ts';
import { EXIT } from '../../config/errors.ts';
import { callKit } from '../support/kit-call.ts';
import { RedisProcess } from '../support/redis-process.ts';

const DIRECTORY = mkdtempSync(join(tmpdir(), 'kit-canary-'));
const NAMESPACE = 'shop';
const CONFIG = loadCanary();

let redis: RedisProcess;
let cache: Cache;
let canary: CanaryTestingService;
let now = Date.now() - 3_600_000;

beforeAll(async () => {
  redis = await RedisProcess.start();
  cache = redisCache({ address: redis.address, ...patternCacheOptions('standalone', CONFIG, NAMESPACE) });
});
afterAll(async () => {
  await canary?.close();
  await cache.close();
  await redis[Symbol.asyncDispose]();
  rmSync(DIRECTORY, { recursive: true, force: true });
});

const call = (...args: string[]) =>
  callKit(...args, '--url', `redis://${redis.address.host}:${redis.address.port}`, '--namespace', NAMESPACE);

/** Requests of all users; those of the canary fail at the ratio. */
async function send(failing: number): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    const user = canary.assign(`user-${i}`);
    canary.record(user, { ok: user.arm !== 'canary' || i % 100 >= failing * 100, ms: 10, lookup: 'hit' });
  }
  await canary.flush();
}

describe('the canary commands', () => {
  it('report a rollout that has not started, without starting it', async () => {
    const { exitCode, out } = await call('canary-status', '--json');
    expect(exitCode).toBe(EXIT.UNKNOWN);
    expect(JSON.parse(out)).toMatchObject({ status: 'not started', share: 0, log: { entries: 0 } });
    expect((await call('canary-adjust', '--dry-run')).exitCode).toBe(EXIT.UNKNOWN);
    const admin = redis.admin();
    await admin.select(2);
    expect(await admin.dbsize()).toBe(0);
  });

  it('show both arms and the reasons of a running canary', async () => {
    canary = await CanaryTestingService.open({
      cache,
      flags: fixedFlags({ redisCache: true, patternCache: true }),
      now: () => now,
    });
    await send(0);
    now += 5_000;
    await canary.adjust();
    const { exitCode, out } = await call('canary-status');
    expect(exitCode).toBe(EXIT.GO);
    expect(out).toMatch(/pattern-cache: running, 5 % of the users/);
    expect(out).toMatch(/now: hold; .*requests of the canary, at least 5000 needed/);
    expect(out).toMatch(/affected users +0 +0/);
    expect(out).toMatch(/all recomputed/);
  });

  it('report in a dry run what they would decide, and then decide it: a rollback', async () => {
    await send(0.5);
    const dry = JSON.parse((await call('canary-adjust', '--dry-run', '--json')).out);
    expect(dry).toMatchObject({ dryRun: true, verdict: 'rollback', share: 0 });
    expect((await call('canary-status', '--json')).exitCode).toBe(EXIT.GO);
    const { exitCode, out } = await call('canary-adjust');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(/decided: rollback; errors hit more users of the canary/);
    expect(out).toMatch(/share 0 %, rolled-back/);
    await canary.refresh();
    expect(Array.from({ length: 500 }, (_, i) => canary.isEnabled(`user-${i}`))).not.toContain(true);
  });

  it('write a page and the decision log, which replays', async () => {
    const [page, log] = [join(DIRECTORY, 'canary.html'), join(DIRECTORY, 'log.jsonl')];
    const { exitCode, out } = await call('canary-status', '--json', '--html', page, '--log', log);
    expect(exitCode).toBe(EXIT.NO_GO);
    const view = JSON.parse(out) as CanaryView;
    expect(view).toMatchObject({ status: 'rolled-back', share: 0, log: { problem: null, decisions: 2 } });
    expect(view.changes.map(({ decision }) => decision.verdict)).toEqual(['rollback']);
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/<h1>Canary pattern-cache: rolled-back, 0 % of the users<\/h1>/);
    expect(html).toMatch(/<polyline class="users"/);
    expect(html).not.toMatch(/<script|https?:/);
    expect(replay(readFileSync(log, 'utf8').trimEnd().split('\n')).problem).toBeUndefined();
  });

  it('keep the rollback in further looks, and clear it only on the explicit option', async () => {
    expect((await call('canary-adjust')).exitCode).toBe(EXIT.NO_GO);
    expect((await call('canary-adjust', '--dry-run', '--clear-rollback')).exitCode).toBe(EXIT.USAGE);
    const { exitCode, out } = await call('canary-adjust', '--clear-rollback', '--json');
    expect(exitCode).toBe(EXIT.GO);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'clear', share: 0.05, status: 'running' });
  });

  it('name a log that was changed', async () => {
    const admin = redis.admin();
    await admin.select(2);
    const key = 'shop:~canary:{pattern-cache}:log';
    const line = String(await admin.hget(key, '1'));
    await admin.hset(key, '1', line.replace('"processes":1', '"processes":2'));
    const { exitCode, out } = await call('canary-status');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(/log: DAMAGED: entry 2: its digest does not match its content/);
  });
});
