/**
 * Polling of a cluster whose nodes all refuse the client. A refusal may need no I/O, so nothing else limits the polling
 * rate.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { resolveConnection } from '../../../../client/options/connection-options.ts';
import { ClusterMonitor } from '../../../../client/transport/cluster/monitor.ts';
import type { Link } from '../../../../client/transport/link.ts';

/** Number of attempts after which a node stops replying, so that the test ends. */
const ENOUGH = 2_000;

describe('nodes of a cluster that refuse immediately', () => {
  it.each([
    ['without an alert', false],
    ['during an alert', true],
  ])(
    'are polled a bounded number of times, even if there are more nodes than parallel polls: %s',
    async (_, isAlarmed) => {
      const nodes = Array.from({ length: 7 }, (_each, i) => ({ host: '127.0.0.1', port: 7_000 + i }));
      const options = resolveConnection({ mode: 'cluster', nodes });
      let attempts = 0;
      const refuse = (): Promise<Link> => {
        attempts += 1;
        return attempts < ENOUGH ? Promise.reject(new Error('WRONGPASS')) : new Promise(() => {});
      };
      const monitor: ClusterMonitor = new ClusterMonitor(options, { node: refuse }, () => {
        // A connection also calls these methods on each change.
        monitor?.know(nodes);
        if (isAlarmed) monitor?.alert('a shard', true);
      });
      try {
        await sleep(300);
        expect(attempts).toBeGreaterThanOrEqual(nodes.length);
        // At most one poll per node in 20 ms; the wait may take four times as long on a busy machine.
        expect(attempts).toBeLessThan((nodes.length * 300 * 4) / 20);
      } finally {
        monitor.close();
      }
    },
  );
});
