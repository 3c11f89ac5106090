/**
 * How an adapter handles client errors and TLS. The generator tests and the trial tests run the adapters against
 * servers.
 */
import { ReplyError } from 'ioredis';
import { expect, it } from 'vitest';
import * as ownClient from '../../../client/index.ts';
import {
  CommandError,
  DurabilityError,
  NotSentError,
  OutcomeUnknownError,
  TimeoutError,
} from '../../../client/index.ts';
import { Secret } from '../../../config/secret.ts';
import { clientSpec } from '../../../harness/workloads/adapter.ts';
import { kitAdapter } from '../../../harness/workloads/kit.ts';
import { ioredisAdapter } from '../../../harness/workloads/stock/ioredis.ts';
import type { ClientEndpoints } from '../../../infra/substrates/environment.ts';

const settings = {
  namespace: 'ns',
  defaultTtlSeconds: 60,
  connectTimeoutMs: 100,
  commandTimeoutMs: 100,
  supervision: true,
  breaker: { enabled: true, threshold: 5, openMs: 1_000 },
};
/** No process listens on this address. */
const nowhere = { host: '127.63.9.9', port: 1 };
const endpoints: ClientEndpoints = {
  mode: 'standalone',
  serviceName: 'mymaster',
  redis: [nowhere],
  sentinels: [nowhere],
  app: { username: 'app', password: new Secret('app-password') },
  sentinel: { username: 'app', password: new Secret('sentinel-password') },
  tls: { ca: 'CA', cert: 'CERT', key: new Secret('KEY') },
};

it('a client spec contains everything that another thread needs, as plain data', () => {
  const spec = clientSpec('kit', endpoints, settings);
  expect(structuredClone(spec)).toEqual(spec);
  expect(spec).toMatchObject({
    app: { username: 'app', password: 'app-password' },
    tls: { ca: 'CA', cert: 'CERT', key: 'KEY' },
  });
  const { tls: _, ...open } = endpoints;
  expect(clientSpec('kit', open, settings)).not.toHaveProperty('tls');
  expect(clientSpec('kit', { ...open, tls: { ca: 'CA' } }, settings).tls).toEqual({ ca: 'CA' });
});

it('the kit adapter derives the outcome of a command from the error', async () => {
  const { tls: _, ...open } = endpoints;
  const adapter = kitAdapter(clientSpec('kit', open, settings), () => undefined, ownClient);
  const failures = [
    [new NotSentError('no master'), 'fail', 'NOT_SENT'],
    [new CommandError('NOREPLICAS Not enough'), 'fail', 'NOREPLICAS'],
    [new TimeoutError('a read'), 'fail', 'TIMEOUT'],
    [new OutcomeUnknownError('sent'), 'info', 'OUTCOME_UNKNOWN'],
    [new DurabilityError(1, 0, 10), 'info', 'DURABILITY'],
    [new Error('no node accepted the write'), 'fail', 'NOT_STORED'],
    ['text', 'fail', 'NOT_STORED'],
  ] as const;
  for (const [error, type, code] of failures) {
    expect(adapter.failure('set', error)).toMatchObject({ type, code });
  }
  await adapter.close();
});

it('a batch served from memory reports memory as its source', async () => {
  const { tls: _, ...open } = endpoints;
  const adapter = kitAdapter(clientSpec('kit', open, settings), () => undefined, ownClient);
  expect(await adapter.set('a', 'in memory', 'async')).toEqual({ source: 'memory' });
  expect(await adapter.getMany(['a', 'b'])).toEqual({
    source: 'memory',
    value: '1',
    values: ['in memory', null],
  });
  await adapter.close();
});

it.each(['standalone', 'sentinel'] as const)('an ioredis client connects over TLS: %s', async (mode) => {
  const events: string[] = [];
  const adapter = ioredisAdapter(clientSpec('ioredis', { ...endpoints, mode }, settings), (name) =>
    events.push(name),
  );
  await expect.poll(() => events, { timeout: 5_000 }).toContain('error');
  expect(adapter.physicalKey('k')).toBe('ns:k');
  await adapter.close();
});

it('an ioredis error counts as a refusal only if Redis replied', async () => {
  const adapter = ioredisAdapter(clientSpec('ioredis', endpoints, settings), () => undefined);
  const reply = new ReplyError('READONLY You cannot');
  const closed = new Error('Connection is closed.');
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  expect(adapter.failure('set', reply)).toMatchObject({ type: 'fail', code: 'READONLY' });
  expect(adapter.failure('incr', closed)).toMatchObject({ type: 'info', code: 'Error' });
  expect(adapter.failure('get', closed)).toMatchObject({ type: 'fail' });
  expect(adapter.failure('append', refused)).toMatchObject({ type: 'info', code: 'ECONNREFUSED' });
  expect(adapter.failure('set', 'text')).toMatchObject({ type: 'info', code: 'UNKNOWN', message: 'text' });
  await adapter.close();
});
