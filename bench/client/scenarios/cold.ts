/**
 * Cold keys on a stock server (no library, default user) 20 ms away: commands per miss, and loaded values that a second
 * process finds afterwards.
 */
import { atDistance } from '../distance.ts';
import type { Row } from '../measure.ts';
import type { BenchRedis } from '../redis.ts';
import { bounded, type Goal, type Outcome, type Scenario } from '../scenario.ts';
import { openers, type Subject, type SubjectName } from '../subjects.ts';
import { total } from '../with-subjects.ts';

const KEYS = 400;
const ROUND_TRIP_MS = 20;
/** Maximum time until the loaded values are stored, in ms. */
const STORED_WITHIN_MS = 5_000;
const QUIET_MS = 200;

type Compute = NonNullable<Subject['getOrCompute']>;

/** Returns the number of values that another process finds without calling its loader. */
async function stored(redis: BenchRedis, name: SubjectName): Promise<number> {
  const other = await openers[name]({ host: redis.host, port: redis.port });
  let loads = 0;
  try {
    for (let i = 0; i < KEYS; i++)
      await (other.getOrCompute as Compute)(`cold:${i}`, async () => {
        loads += 1;
        return { i };
      });
  } finally {
    await other.close();
  }
  return KEYS - loads;
}

/** Waits until no command has arrived for some time, or until the timeout. */
async function quiet(redis: BenchRedis): Promise<void> {
  const processed = async (): Promise<number> =>
    Number(/total_net_input_bytes:(\d+)/.exec(await redis.admin.info('stats'))?.[1]);
  // Number of input bytes that each poll adds by sending one INFO.
  const own = 40;
  const deadline = Date.now() + STORED_WITHIN_MS;
  let before = await processed();
  while (Date.now() < deadline) {
    await new Promise((done) => setTimeout(done, QUIET_MS));
    const now = await processed();
    if (now - before <= own) return;
    before = now;
  }
}

async function misses(redis: BenchRedis, name: SubjectName): Promise<{ commands: number; found: number }> {
  await redis.admin.flushall();
  await redis.admin.call('FUNCTION', 'FLUSH');
  await redis.admin.call('SCRIPT', 'FLUSH');
  await using distance = await atDistance({ host: redis.host, port: redis.port }, ROUND_TRIP_MS);
  const subject = await openers[name](distance.target);
  try {
    const sent = await redis.commands(async () => {
      const load = subject.getOrCompute as Compute;
      await Promise.all(Array.from({ length: KEYS }, (_, i) => load(`cold:${i}`, async () => ({ i }))));
      await quiet(redis);
    });
    return { commands: total(sent) / KEYS, found: await stored(redis, name) };
  } finally {
    await subject.close();
  }
}

export const cold: Scenario = {
  id: 'cold',
  title: `${KEYS} cold keys at once, stock server ${ROUND_TRIP_MS} ms away: commands per miss`,
  async run({ redis }): Promise<Outcome> {
    const rows: Row[] = [];
    const goals: Goal[] = [];
    for (const name of ['kit', 'ioredis', 'bentocache', 'cacheable', 'cacheManager', 'dedupe'] as const) {
      const { commands, found } = await misses(redis, name);
      const base = rows[0]?.median ?? commands;
      rows.push({
        name: `${name}: ${found} of ${KEYS} stored`,
        median: commands,
        best: commands,
        ratio: commands / base,
      });
      if (name !== 'kit') continue;
      goals.push(...bounded('cold miss on a stock server: commands', commands, 3), {
        asks: `cold misses on a stock server: stored = ${KEYS}`,
        measured: `${found}`,
        held: found === KEYS,
      });
    }
    return { unit: '', rows, goals };
  },
};
