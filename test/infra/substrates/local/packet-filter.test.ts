/** Packet filter rules, on addresses that no environment uses. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../../../infra/host/process.ts';
import { mayFilterPackets, rulesOf, separate } from '../../../../infra/substrates/local/packet-filter.ts';
import { waitUntil } from '../../../support/redis-process.ts';

const [A, B] = ['127.99.1.1', '127.99.1.2'];
const CLIENT = '127.0.0.1';

it('the rules drop only packets between the two groups, in both directions', () => {
  expect(rulesOf('t', { group: [A], others: [B, '127.99.1.3'], clientsStillReach: true, logPath: '' })).toBe(
    [
      'add table ip t { flags owner; }',
      'add chain ip t cut { type filter hook input priority 0; }',
      'add rule ip t cut ip saddr { 127.99.1.2, 127.99.1.3 } ip daddr { 127.99.1.1 } drop',
      'add rule ip t cut ip saddr { 127.99.1.1 } ip daddr { 127.99.1.2, 127.99.1.3 } drop',
      '',
    ].join('\n'),
  );
});

const missing = mayFilterPackets() ? '' : ' [skipped: requires CAP_NET_ADMIN and nft]';

describe.runIf(missing === '')(`separated addresses${missing}`, () => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
  const sockets: Socket[] = [];
  let dir: string;
  let port: number;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'packet-filter-'));
    await new Promise<void>((resolve) => server.listen(0, A, resolve));
    port = (server.address() as { readonly port: number }).port;
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  afterAll(() => {
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const separation = (clientsStillReach: boolean) => ({
    ...{ group: [A], others: [B], clientsStillReach, logPath: join(dir, 'nft.log') },
  });
  /** Opens a connection to A from an address. SYN packets are sent again after 1 s and 3 s. */
  const connectFrom = (localAddress: string) => {
    const socket = connect({ host: A, port, localAddress });
    sockets.push(socket);
    let connected = false;
    socket.once('connect', () => {
      connected = true;
    });
    return { isConnected: () => connected, connected: once(socket, 'connect') };
  };

  it('do not reach each other until the fault is healed, while a client reaches both', async () => {
    const heal = await separate(separation(true));
    const other = connectFrom(B);
    await connectFrom(CLIENT).connected;
    expect(other.isConnected()).toBe(false);
    await Promise.all([heal(), heal()]);
    await other.connected;
    await connectFrom(B).connected;
  });

  it('are also unreachable for clients, if requested', async () => {
    const heal = await separate(separation(false));
    const client = connectFrom(CLIENT);
    await connectFrom(A).connected;
    expect(client.isConnected()).toBe(false);
    await heal();
    await client.connected;
  });

  it('reach each other again when the process that separated them is killed', async () => {
    const program = join(import.meta.dirname, 'separating-process.ts');
    const owner = spawn(process.execPath, [program, A, B, join(dir, 'owner.log')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const table = async () =>
      (await runProgram({ command: 'nft', args: ['list', 'table', 'ip', `kit_${line.toString().trim()}_1`] }))
        .exitCode;
    expect(await table()).toBe(0);
    owner.kill('SIGKILL');
    await waitUntil('the rules to be gone', async () => (await table()) !== 0);
    await connectFrom(B).connected;
  });

  it('lead to an error if nft rejects the rules, and the log contains the output of nft', async () => {
    await expect(separate({ ...separation(true), group: ['no-address'] })).rejects.toMatchObject({
      message: expect.stringContaining('the packet filter to separate the nodes'),
    });
    expect(readFileSync(join(dir, 'nft.log'), 'utf8')).toMatch(/no-address/);
  });
});
