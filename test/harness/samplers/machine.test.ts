/** Samples of the machine with a real Redis: a busy machine affects them, but a slow server does not. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { machine as checker } from '../../../harness/checkers/machine.ts';
import { openClock } from '../../../harness/history/clock.ts';
import type { ObservationEvent } from '../../../harness/history/events.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { type MachineWatch, openMachineWatch } from '../../../harness/samplers/machine/index.ts';
import {
  parseLoad,
  parsePressure,
  parseSchedstat,
  parseStat,
} from '../../../harness/samplers/machine/proc.ts';
import { machinePartMs } from '../../../harness/samplers/machine/sampling.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { waitUntil } from '../../support/redis-process.ts';

describe('/proc', () => {
  it('contains the CPU use per process and the number of runnable threads', () => {
    const text =
      'cpu  1069052 4477 333455 222289 2186 0 10894 849 0 0\ncpu0 534354 2175 163810 115222 694 0 4794 434 0 0\nctxt 78268070\nprocs_running 10\nprocs_blocked 0\n';
    expect(parseStat(text)).toEqual({
      busyMs: 14_178_780,
      idleMs: 2_244_750,
      stealMs: 8_490,
      runnable: 10,
    });
    expect(parseStat('cpu  1 2 3\nprocs_running 1\n')).toBeUndefined();
    expect(parseStat('cpu  1 2 3 4 5 6 7 8 9 10\n')).toBeUndefined();
    expect(parseStat('')).toBeUndefined();
  });

  it('contains the pressure, the load and the scheduling of a thread, and does not read missing values as 0', () => {
    const pressure = 'some avg10=81.13 avg60=83.05 avg300=78.66 total=5905988614\nfull avg10=0.00 total=0\n';
    expect(parsePressure(pressure)).toBe(5_905_988.614);
    expect(parsePressure('')).toBeUndefined();
    expect(parseLoad('8.83 8.65 8.95 9/293 639')).toBe(8.83);
    expect(parseLoad('')).toBeUndefined();
    expect(parseSchedstat('92638000 2078511000 2\n')).toEqual({ ranMs: 92.638, waitedMs: 2078.511 });
    expect(parseSchedstat('0 0 0\n')).toBeUndefined();
    expect(parseSchedstat('')).toBeUndefined();
  });
});

// The sampler needs /proc of a running kernel.
describe.skipIf(process.platform !== 'linux')('a machine watch', () => {
  const clock = openClock();
  let dir: string;
  let environment: Environment;
  let watch: MachineWatch;
  let trials = 0;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'machine-'));
    const topology = planTopology(loadEnvironment('single'));
    const substrate = localSubstrate({ stateDir: join(dir, 'state') });
    environment = await substrate.apply(topology, { ephemeral: true });
    watch = openMachineWatch();
  });
  afterAll(async () => {
    await watch?.[Symbol.asyncDispose]();
    await environment?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  async function watched(during: (windows: () => readonly ObservationEvent[]) => Promise<void>) {
    const path = join(dir, `machine-${++trials}.jsonl`);
    const text = () => (existsSync(path) ? readFileSync(path, 'utf8') : '');
    const history = () => parseHistory([{ path, text: text() }]).history;
    const windows = () => history().observations.filter(({ name }) => name === 'window');
    const trial = await watch.begin(environment, clock, path);
    await during(windows).finally(() => trial.stop());
    const finding = checker.check(history(), {
      client: 'kit',
      drill: 'd',
      environment: loadEnvironment('single'),
    });
    const figure = (name: string) => {
      const found = finding.figures[name];
      return found?.kind === 'value' ? found.value : undefined;
    };
    return { finding, figure, windows: windows() };
  }

  const seconds = (windows: () => readonly ObservationEvent[], count: number) =>
    waitUntil('several seconds of windows', async () => windows().length >= count * 9);

  it('samples timers, a bare round trip, CPU time and the server’s waits', async () => {
    const { finding, figure, windows } = await watched((seen) => seconds(seen, 1));
    expect(finding).toMatchObject({ validity: 'valid', reasons: [] });
    expect(figure('timerP99Ms')).toBeGreaterThan(0);
    expect(figure('controlP50Ms')).toBeGreaterThan(0);
    expect(figure('diskMaxMs')).toBeGreaterThan(0);
    expect(readdirSync(dir).filter((name) => name.includes('fsync'))).toEqual([]);
    expect(figure('controlMachineP99Ms')).toBeLessThanOrEqual(figure('controlP99Ms') as number);
    for (const name of ['stealRatio', 'busyRatio', 'othersRatio', 'runnablePerCore', 'waitServerMaxMs']) {
      expect(figure(name), name).toBeGreaterThanOrEqual(0);
    }
    expect(figure('busyRatio')).toBeLessThanOrEqual(1);
    expect(windows.at(-1)?.data?.waitsMs).toMatch(/^main=\S+ redis-1=\S+$/);
  });

  it('attributes the load of busy loops to other processes', async () => {
    const loops = Array.from({ length: 2 * availableParallelism() }, () =>
      spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    try {
      const { figure } = await watched((seen) => seconds(seen, 2));
      expect(figure('runnablePerCore')).toBeGreaterThan(1.5);
      expect(figure('othersRatio')).toBeGreaterThan(0.5);
    } finally {
      for (const loop of loops) loop.kill('SIGKILL');
    }
  });

  it('attributes missing replies to the server, not to a busy machine', async () => {
    const redis = await environment.admin('redis-1');
    const slowestOfPause = async () => {
      const { windows } = await watched(async (seen) => {
        await seconds(seen, 1);
        await redis.call('CLIENT', 'PAUSE', '400', 'ALL');
        await seconds(seen, 2);
      });
      const pairs = windows.flatMap(({ data }) => {
        const [took, added] = [data?.controlMs, data?.controlMachineMs].map((text) =>
          String(text).split(' '),
        );
        return (took ?? []).map((ms, i) => [Number(ms), Number(added?.[i])] as const);
      });
      return pairs.toSorted(([a], [b]) => b - a)[0] ?? [0, 0];
    };
    // The time that threads spend waiting for a CPU during the pause is part of machineMs, and is long if the machine is
    // busy. A sampler that attributed the pause itself to the machine would do so every time.
    const attributed: boolean[] = [];
    do {
      const [tookMs, machineMs] = await slowestOfPause();
      expect(tookMs).toBeGreaterThan(300);
      attributed.push(machineMs < tookMs / 2);
    } while (!attributed.includes(true) && attributed.length < 10);
    expect(attributed).toContain(true);
  });

  it('watches the new process of a node that was killed and restarted', async () => {
    const has = (window: ObservationEvent | undefined) => String(window?.data?.waitsMs).includes('redis-1=');
    await watched(async (seen) => {
      await waitUntil('redis-1 to be watched', async () => has(seen().at(-1)));
      await environment.capabilities.kill?.('redis-1');
      await waitUntil('redis-1 not to be watched', async () => !has(seen().at(-1)));
      await environment.capabilities.start?.('redis-1');
      await waitUntil('redis-1 to be watched again', async () => has(seen().at(-1)));
    });
  });
});

describe('machinePartMs', () => {
  it.each([
    {
      tookMs: 2,
      lateMs: 0.9,
      waitedMs: 0.1,
      part: 0.1,
      subject: 'a timer that is late by less than its resolution',
    },
    {
      tookMs: 4,
      lateMs: 3,
      waitedMs: 0.5,
      part: 2.5,
      subject: 'a timer that is late by more than its resolution',
    },
    { tookMs: 2, lateMs: 1, waitedMs: 5, part: 2, subject: 'overlapping waits of both threads' },
  ])('is $part ms for $subject', ({ tookMs, lateMs, waitedMs, part }) => {
    expect(machinePartMs(tookMs, lateMs, waitedMs)).toBeCloseTo(part);
  });
});
