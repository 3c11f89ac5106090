/** Polls of a cluster whose nodes all refuse: a refusal may be known without any I/O, so nothing else paces them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { resolveConnection } from '../../../../client/options/connection-options.ts';
import { ClusterMonitor } from '../../../../client/transport/cluster/monitor.ts';
import type { Link } from '../../../../client/transport/link.ts';

/** Attempts after which a node no longer replies, so that the test ends. */
const ENOUGH = 2_000;

describe('nodes of a cluster that refuse at once', () => {
  it.each([
    ['calm', false],
    ['in an alert', true],
  ])(
    'are polled a bounded number of times, more nodes than are polled at a time: %s',
    async (_, isAlarmed) => {
      const nodes = Array.from({ length: 7 }, (_each, i) => ({ host: '127.0.0.1', port: 7_000 + i }));
      const options = resolveConnection({ mode: 'cluster', nodes });
      let attempts = 0;
      const refuse = (): Promise<Link> => {
        attempts += 1;
        return attempts < ENOUGH ? Promise.reject(new Error('WRONGPASS')) : new Promise(() => {});
      };
      const monitor: ClusterMonitor = new ClusterMonitor(options, { node: refuse }, () => {
        // As a connection does with each change.
        monitor?.know(nodes);
        if (isAlarmed) monitor?.alert('a shard', true);
      });
      try {
        await sleep(300);
        expect(attempts).toBeGreaterThanOrEqual(nodes.length);
        // Each node at most once per 20 ms, and four times the waiting time on a busy machine.
        expect(attempts).toBeLessThan((nodes.length * 300 * 4) / 20);
      } finally {
        monitor.close();
      }
    },
  );
});
