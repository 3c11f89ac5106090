/**
 * The limit of the server alone, measured with `redis-benchmark` on this machine: a closed loop of 50 connections, for
 * comparison with the kit's open loop. The measurement uses a temporary Redis user with a separate password,
 * because arguments are visible to every user of the machine. Recorded as `server-limit`; if redis-benchmark is
 * missing, the record states that.
 */
import { randomBytes } from 'node:crypto';
import { runProgram } from '../../../infra/host/process.ts';
import type { ScriptContext } from '../scripted/script.ts';

const CONNECTIONS = 50;
const VALUE_BYTES = 224;
const KEYS = 1_000;
const BOUND_MS = 60_000;

interface Test {
  readonly test: string;
  readonly command: readonly string[];
  readonly pipeline: number;
}

/** Measures the limit. @param requests number of requests per test; the pipelined test sends ten times as many */
export async function measureServerLimit(context: ScriptContext, requests: number): Promise<void> {
  const { environment, tag, spec, record, clock, masters, remember, signal } = context;
  const state = (data: Readonly<Record<string, string | number>>) =>
    record({
      ...{
        type: 'observe',
        from: 'workload',
        name: 'server-limit',
        client: 'kit',
        atUs: clock.nowUs(),
        data,
      },
    });
  const address = spec.redis[0];
  if (environment.substrate === 'external' || spec.mode === 'cluster' || address === undefined)
    return state({ test: 'none', reason: 'redis-benchmark runs only on a single master started by the kit' });
  const [master] = await masters();
  const target = master?.options;
  if (master === undefined || target?.host === undefined || target.port === undefined) return;
  const prefix = `bench:${tag}:`;
  const keys = Array.from({ length: KEYS }, (_, i) => `${prefix}${String(i).padStart(12, '0')}`);
  remember(...keys);
  const [user, password] = [`bench-${tag}`, randomBytes(24).toString('hex')];
  await master.call('ACL', 'SETUSER', user, 'reset', 'on', `>${password}`, `~${prefix}*`, '+get', '+set');
  try {
    for (const { test, command, pipeline } of testsOf(prefix)) {
      const count = pipeline > 1 ? requests * 10 : requests;
      const args = [
        ...['-h', target.host, '-p', String(target.port), '--user', user, '-a', password],
        ...(spec.tls === undefined ? [] : ['--tls', '--insecure']),
        ...[
          '-n',
          String(count),
          '-c',
          String(CONNECTIONS),
          '-P',
          String(pipeline),
          '-r',
          String(KEYS),
          '--csv',
        ],
        ...command,
      ];
      const request = { command: 'redis-benchmark', args, timeoutMs: BOUND_MS, signal };
      const { exitCode, stdout, stderr } = await runProgram(request);
      const perSecond = perSecondOf(stdout);
      if (perSecond === undefined || exitCode !== 0) throw new Error(stderr.trim().slice(0, 500));
      state({ test, perSecond, requests: count });
    }
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    state({ test: 'none', reason: reason.replaceAll(password, '…') });
  } finally {
    await master.call('ACL', 'DELUSER', user);
  }
}

function testsOf(prefix: string): readonly Test[] {
  const key = `${prefix}__rand_int__`;
  const set = ['SET', key, 'x'.repeat(VALUE_BYTES)];
  return [
    { test: 'set', command: set, pipeline: 1 },
    { test: 'get', command: ['GET', key], pipeline: 1 },
    { test: 'get pipelined', command: ['GET', key], pipeline: 16 },
  ];
}

/** Returns the requests per second: the second column of the line for the test. */
function perSecondOf(csv: string): number | undefined {
  const line = csv.trim().split('\n').at(-1) ?? '';
  const perSecond = Number(/^"(?:[^"\\]|\\.|"")*","([\d.]+)"/.exec(line)?.[1]);
  return Number.isNaN(perSecond) ? undefined : perSecond;
}
