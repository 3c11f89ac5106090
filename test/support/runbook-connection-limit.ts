/** Section "Connection limit reached" of the runbook, on a master at its limit. Its environment must be healthy. */
import { describe, expect, it } from 'vitest';
import { ConnectionLeak } from './connection-leak.ts';
import { missingPrograms, type Runbook } from './runbook.ts';

const TITLE = 'Connection limit reached';
const LIMIT = 100;

/** Part of the output of `kit status --json`. */
interface View {
  readonly master: string;
  readonly nodes: readonly { readonly id: string; readonly address: string }[];
}

export function connectionLimitSection(runbook: Runbook): void {
  const isSkipped = missingPrograms('ss').length > 0;
  describe.runIf(!isSkipped)(`${TITLE}${isSkipped ? ' [skipped: ss (iproute2) not installed]' : ''}`, () => {
    const [find = '', raise = '', failOver = '', undo = ''] = runbook.blocksOf(TITLE);
    const reply = async (view: string, node: string) =>
      (await runbook.bash(`${runbook.functions}\nVIEW='${view}'\nrc ${node} PING`)).output.trim();

    /** Brings the master to its limit. Returns the application that holds its connections, and the id of the node. */
    async function reachLimit() {
      const lower = `rc "$(master)" CONFIG SET maxclients ${LIMIT} >/dev/null`;
      const view = await runbook.run(lower, `jq -c '{master, nodes, access}' <<<"$VIEW"`);
      const { master: node, nodes } = JSON.parse(view) as View;
      const [host = '', port = ''] = nodes.find(({ id }) => id === node)?.address.split(':') ?? [];
      const leak = new ConnectionLeak({ host, port: Number(port) }, LIMIT + 10);
      const answer = () => reply(view, node);
      await expect.poll(answer, { timeout: 30_000 }).toContain('max number of clients reached');
      return Object.assign(leak, { node, answer });
    }

    it('the commands name the process that holds the connections, and work when it has ended', async () => {
      await using leak = await reachLimit();
      const found = await runbook.run(find);
      expect(found).toContain(`${leak.node} at `);
      expect(found).toMatch(new RegExp(`^ *\\d+ "[^"]+",pid=${leak.pid}$`, 'm'));
      await leak[Symbol.asyncDispose]();
      await expect.poll(leak.answer, { timeout: 30_000 }).toBe('PONG');
      expect(await runbook.run(`NODE=${leak.node}`, raise)).toContain('maxclients:12000');
      await runbook.run(undo);
    });

    it('a forced failover disconnects the clients of the former master', async () => {
      await using leak = await reachLimit();
      await runbook.run(find, failOver, 'test "$(master)" != "$NODE"');
      expect(await runbook.run(`rc ${leak.node} ROLE`, undo)).toContain('slave');
    });
  });
}
