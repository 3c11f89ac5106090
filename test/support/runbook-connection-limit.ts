/** The "Connection limit reached" section of the runbook, on a master at its limit. The environment must be healthy. */
import { describe, expect, it } from 'vitest';
import { ConnectionLeak } from './connection-leak.ts';
import { missingPrograms, type Runbook } from './runbook.ts';

const TITLE = 'Connection limit reached';
const LIMIT = 100;

/** Part of the output that `kit status --json` prints. */
interface View {
  readonly master: string;
  readonly nodes: readonly { readonly id: string; readonly address: string }[];
}

/** @param ends how the limit is resolved: by a restart of the application, or by a forced failover */
export function connectionLimitSection(
  runbook: Runbook,
  ends: readonly ('restart' | 'failover')[] = ['restart', 'failover'],
): void {
  const isSkipped = missingPrograms('ss').length > 0;
  describe.runIf(!isSkipped)(`${TITLE}${isSkipped ? ' [skipped: ss (iproute2) not installed]' : ''}`, () => {
    const [find = '', raise = '', failOver = '', undo = ''] = runbook.blocksOf(TITLE);
    const reply = async (view: string, node: string) =>
      (await runbook.bash(`${runbook.functions}\nVIEW='${view}'\nrc ${node} PING`)).output.trim();

    /**
     * Brings the master to its connection limit. Returns the application that keeps the connections open, and the id of
     * the node.
     */
    async function reachLimit() {
      const lower = `rc "$(master)" CONFIG SET maxclients ${LIMIT} >/dev/null`;
      const output = await runbook.run('view', lower, `jq -c '{master, nodes, access}' <<<"$VIEW"`);
      // kit status reports a problem on stderr, which is part of the output.
      const view = output.split('\n').find((line) => line.startsWith('{')) ?? '';
      const { master: node, nodes } = JSON.parse(view) as View;
      const [host = '', port = ''] = nodes.find(({ id }) => id === node)?.address.split(':') ?? [];
      const leak = new ConnectionLeak({ host, port: Number(port) }, LIMIT + 10);
      const answer = () => reply(view, node);
      await expect.poll(answer, { timeout: 60_000 }).toContain('max number of clients reached');
      return Object.assign(leak, { node, answer });
    }

    const holds = (
      { node, pid }: { readonly node: string; readonly pid: number | undefined },
      found: string,
    ) => {
      expect(found).toContain(`${node} at `);
      expect(found).toMatch(new RegExp(`^ *\\d+ "[^"]+",pid=${pid}$`, 'm'));
    };

    async function restartApplication(): Promise<void> {
      await using leak = await reachLimit();
      holds(leak, await runbook.run(find));
      await leak[Symbol.asyncDispose]();
      await expect.poll(leak.answer, { timeout: 60_000 }).toBe('PONG');
      expect(await runbook.run('view', `NODE=${leak.node}`, raise, undo)).toContain('maxclients:12000');
    }

    async function forceFailover(): Promise<void> {
      await using leak = await reachLimit();
      const after = ['rc "$NODE" INFO clients', 'echo "master: $(master)"'];
      const output = await runbook.run(find, failOver, ...after, undo);
      holds(leak, output);
      expect(output).toMatch(/^master: redis-\d$/m);
      expect(output).not.toContain(`master: ${leak.node}`);
      // The application does not reopen the connections that the node closed.
      expect(Number(/^connected_clients:(\d+)/m.exec(output)?.[1])).toBeLessThan(LIMIT / 2);
    }

    if (ends.includes('restart'))
      it(
        'has commands that identify the process holding the connections, and that work after this process ends',
        restartApplication,
      );
    if (ends.includes('failover'))
      it('has a forced failover, which disconnects the clients of the previous master', forceFailover);
  });
}
