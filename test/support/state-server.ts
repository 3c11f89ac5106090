/** A small server that stores one Terraform state for Terraform's `http` backend, with a login and a lock. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StateServer {
  readonly address: string;
  /** Returns the stored state, which is empty before the first deploy. */
  state(): string;
  /** Locks the state as another deploy would, until the returned function is called. */
  lock(): () => void;
  /** Number of times that the lock was acquired. */
  readonly locks: number;
  close(): Promise<void>;
}

export async function startStateServer(login: string): Promise<StateServer> {
  let state = '';
  let lock: string | undefined;
  let locks = 0;
  const take = (body: string): number => {
    if (lock !== undefined) return 423;
    lock = body;
    locks += 1;
    return 200;
  };
  const answers: Readonly<Record<string, (body: string) => readonly [status: number, text: string]>> = {
    GET: () => (state === '' ? [404, ''] : [200, state]),
    POST: (body) => {
      state = body;
      return [200, ''];
    },
    LOCK: (body) => [take(body), lock ?? ''],
    UNLOCK: () => {
      lock = undefined;
      return [200, ''];
    },
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const expected = `Basic ${Buffer.from(login).toString('base64')}`;
      const answer = answers[request.method ?? ''];
      const [status, text] =
        request.headers.authorization !== expected
          ? [401, '']
          : (answer?.(Buffer.concat(chunks).toString()) ?? [405, '']);
      response.writeHead(status).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/state`,
    state: () => state,
    lock: () => {
      const other = { ID: 'other', Operation: 'OperationTypeApply', Who: 'other@elsewhere', Version: '1' };
      take(JSON.stringify({ ...other, Created: '2026-01-01T00:00:00Z', Path: '', Info: '' }));
      return () => {
        lock = undefined;
      };
    },
    get locks() {
      return locks;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
