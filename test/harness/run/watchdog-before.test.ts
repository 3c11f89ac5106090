import { describe, expect, it } from 'vitest';
import { watchdogStateBefore } from '../../../harness/run/watchdog-before.ts';
import type { Environment, NodeStatus } from '../../../infra/substrates/environment.ts';
import type { Substrate } from '../../../infra/substrates/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { buildEnvironment } from '../checkers/history-builders.ts';

const topology = planTopology(buildEnvironment());

/** A substrate whose environment has one node in the given state, and a stopped watchdog. */
function substrateWith(node: NodeStatus['state'] | undefined): Substrate {
  const environment: Partial<Environment> = {
    status: async () => [
      { id: 'redis-1', address: { host: '127.0.0.1', port: 1 }, state: node ?? 'stopped' },
    ],
    watchdogStatus: async () => ({ state: 'stopped' }),
    [Symbol.asyncDispose]: async () => {},
  };
  return { open: async () => (node === undefined ? undefined : environment) } as unknown as Substrate;
}

describe('the state of the watchdog before a run', () => {
  it('is known if the environment was running', async () => {
    expect(await watchdogStateBefore(substrateWith('running'), topology)).toEqual({ state: 'stopped' });
  });

  it('does not matter if nodes were down too, or if nothing was running', async () => {
    expect(await watchdogStateBefore(substrateWith('stopped'), topology)).toBeUndefined();
    expect(await watchdogStateBefore(substrateWith(undefined), topology)).toBeUndefined();
  });

  it('is not read if the environment has no watchdog, or cannot be opened', async () => {
    const none = planTopology(buildEnvironment({ sentinel: { watchdog: false } }));
    expect(await watchdogStateBefore(substrateWith('running'), none)).toBeUndefined();
    const refusing = { open: () => Promise.reject(new Error('other settings')) } as unknown as Substrate;
    expect(await watchdogStateBefore(refusing, topology)).toBeUndefined();
  });
});
