/**
 * Samples of the machine with servers in containers: their processes are found behind the container's init process, and
 * waits of the engine's port forwarder are part of the machine's delay.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { environmentSchema } from '../../../config/schema.ts';
import { openClock } from '../../../harness/history/clock.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { openMachineWatch } from '../../../harness/samplers/machine/index.ts';
import { findForwarder, findServer } from '../../../harness/samplers/machine/processes.ts';
import { runProgram } from '../../../infra/host/process.ts';
import { dockerSubstrate } from '../../../infra/substrates/docker/substrate.ts';
import type { Environment, NodeStatus } from '../../../infra/substrates/environment.ts';
import { planTopology } from '../../../infra/topology.ts';
import { describeOnEngine, engineStateDir } from '../../infra/substrates/docker/fixtures.ts';
import { waitUntil } from '../../support/redis-process.ts';

const state = engineStateDir();
const ports = { redis: 27_940, sentinel: 27_950, exporter: 27_960, commander: 27_961 };
const config = environmentSchema.parse({ ...loadEnvironment('single'), name: 'machine', docker: { ports } });

const commandOf = (pid: number | undefined) => readFileSync(`/proc/${pid}/comm`, 'latin1').trim();

/** Sets the priority of the session of a process. Has no effect on a kernel that does not group sessions. */
function setSessionNice(pid: number | undefined, nice: number): void {
  const file = `/proc/${pid}/autogroup`;
  if (existsSync(file)) writeFileSync(file, String(nice));
}

describeOnEngine('a machine watch for containers', () => {
  let environment: Environment;
  let redis: NodeStatus | undefined;
  beforeAll(async () => {
    const substrate = dockerSubstrate({ stateDir: state.path });
    environment = await substrate.apply(planTopology(config), { ephemeral: true });
    redis = (await environment.status()).find(({ id }) => id === 'redis-1');
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    state[Symbol.dispose]();
  });

  it('finds the server and the port forwarder of a node', () => {
    expect(commandOf(redis?.pid)).not.toMatch(/^redis/);
    expect(commandOf(findServer(redis?.pid ?? 0))).toBe('redis-server');
    const { host = '', port = 0 } = redis?.address ?? {};
    expect(commandOf(findForwarder({ host, port }))).toBe('docker-proxy');
    expect(findForwarder({ host, port: 1 })).toBeUndefined();
    expect(findServer(process.pid)).toBeUndefined();
  });

  it('records the waits of the server, and attributes the waits of the forwarder to the machine', async () => {
    const path = join(state.path, 'machine.jsonl');
    const windows = () => {
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      return parseHistory([{ path, text }]).history.observations.filter(({ name }) => name === 'window');
    };
    const samples = () =>
      windows().flatMap(({ data }) => {
        const [took, added] = [data?.controlMs, data?.controlMachineMs].map((text) =>
          String(text).split(' ').map(Number),
        );
        return (took ?? []).map((tookMs, i) => ({ tookMs, machineMs: added?.[i] ?? 0 }));
      });
    await using watch = openMachineWatch();
    const trial = await watch.begin(environment, openClock(), path);
    // With the SCHED_IDLE policy, only the forwarder waits for the busy loops. The policy applies within a session, so the
    // session of the engine, if it is a separate one, needs a low priority as well (sched(7), autogroup).
    const forwarder = findForwarder(redis?.address ?? { host: '', port: 0 });
    const policy = await runProgram({
      command: 'chrt',
      args: ['--all-tasks', '--idle', '--pid', '0', String(forwarder)],
    });
    expect(policy, policy.stderr).toMatchObject({ exitCode: 0 });
    const loops = Array.from({ length: 2 * availableParallelism() }, () =>
      spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    setSessionNice(forwarder, 19);
    try {
      await waitUntil('five slow round trips', async () => {
        return samples().filter(({ tookMs }) => tookMs > 20).length >= 5;
      });
    } finally {
      setSessionNice(forwarder, 0);
      for (const loop of loops) loop.kill('SIGKILL');
      await trial.stop();
    }
    expect(windows().at(-1)?.data?.waitsMs).toMatch(/\bredis-1=/);
    const slow = samples().filter(({ tookMs }) => tookMs > 20);
    const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    const share = sumOf(slow.map(({ machineMs }) => machineMs)) / sumOf(slow.map(({ tookMs }) => tookMs));
    expect(share).toBeGreaterThan(0.5);
  });
});
