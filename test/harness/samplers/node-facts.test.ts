import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { openClock } from '../../../harness/history/clock.ts';
import type { HistoryEvent, ObservationEvent } from '../../../harness/history/events.ts';
import { openNodeFacts } from '../../../harness/samplers/node-facts/index.ts';
import { plainText, portFields } from '../../../harness/samplers/node-facts/ports.ts';
import { Redaction } from '../../../harness/samplers/node-facts/redaction.ts';
import { keptDirectives } from '../../../harness/samplers/node-facts/rendered.ts';
import { watchdogFacts } from '../../../harness/samplers/node-facts/watchdog.ts';
import { makeCertificates } from '../../../infra/certificates/generate.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { findFreePort } from '../../support/redis-process.ts';

describe('a redaction', () => {
  const redaction = new Redaction();

  it('shows whether two passwords are equal without showing them', () => {
    expect(redaction.digest('secret')).toBe(redaction.digest('secret'));
    expect(redaction.digest('secret')).not.toBe(redaction.digest('Secret'));
    expect(redaction.digest('secret')).toMatch(/^digest:[0-9a-f]{16}$/);
    expect(redaction.digest('')).toBe('');
  });

  it('uses a different key in each run', () => {
    expect(redaction.digest('secret')).not.toBe(new Redaction().digest('secret'));
  });

  it('replaces only passwords and hashes in the rules of a user', () => {
    expect(redaction.rules(`on #${'a'.repeat(64)} >plain ~* &#channel +get`)).toMatch(
      /^on #digest:\w{16} #digest:\w{16} ~\* &#channel \+get$/,
    );
  });
});

describe('the file that a sentinel keeps', () => {
  it('is recorded without passwords, and only with settings that no command reports', () => {
    const redaction = new Redaction();
    const lines = [
      'protected-mode yes',
      'sentinel monitor mymaster 127.0.0.1 6379 2',
      'sentinel auth-pass mymaster secret',
      'sentinel rename-command mymaster SLAVEOF x',
      'sentinel sentinel-pass secret',
    ];
    expect(keptDirectives(lines.join('\n'), redaction)).toEqual({
      'protected-mode': 'yes',
      'sentinel auth-pass': `mymaster ${redaction.digest('secret')}`,
      'sentinel rename-command': 'mymaster SLAVEOF x',
    });
  });
});

describe('facts about the watchdog', () => {
  type State = 'running' | 'paused' | 'stopped';
  const factsWith = (now: State, before?: State) =>
    watchdogFacts({ watchdogStatus: async () => ({ state: now }) }, before && { state: before });
  const fact = (data: object) => [{ name: 'watchdog', data }];

  it('have the state before the run only if the run has repaired it', async () => {
    expect(await factsWith('running', 'stopped')).toEqual(fact({ state: 'stopped', isRepaired: true }));
    expect(await factsWith('paused', 'paused')).toEqual(fact({ state: 'paused' }));
    expect(await factsWith('running', 'running')).toEqual(fact({ state: 'running' }));
    expect(await factsWith('stopped')).toEqual(fact({ state: 'stopped' }));
  });

  it('are absent without a watchdog', async () => {
    expect(await watchdogFacts({}, undefined)).toEqual([]);
  });
});

/** Runs `probe` against a TLS server with these options. */
async function withTlsServer<T>(options: TlsOptions, probe: (port: number) => Promise<T>): Promise<T> {
  const { cert, key } = await makeCertificates({ environment: 'ports', addresses: ['127.0.0.1'] });
  const server = createServer({ cert, key: key.reveal(), ...options }).on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await probe((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

describe('the probe of a port', () => {
  const fieldsOf = (options: TlsOptions) =>
    withTlsServer(options, (port) => portFields({ host: '127.0.0.1', port }, true));

  it('finds the protocols and ciphers that a server accepts, including weak ciphers', async () => {
    const anything = await fieldsOf({ minVersion: 'TLSv1', ciphers: 'ALL:eNULL:aNULL:@SECLEVEL=0' });
    expect(anything).toEqual({
      plain: 'refused',
      TLSv1: expect.stringMatching(/^accepted /),
      'TLSv1.1': expect.stringMatching(/^accepted /),
      'TLSv1.2': expect.stringMatching(/^accepted /),
      'TLSv1.3': expect.stringMatching(/^accepted TLS_/),
      'worthless-ciphers': expect.stringMatching(/^accepted /),
    });
  });

  it('finds the protocols that a server rejects', async () => {
    expect(await fieldsOf({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).toEqual({
      plain: 'refused',
      TLSv1: 'refused',
      'TLSv1.1': 'refused',
      'TLSv1.2': expect.stringMatching(/^accepted /),
      'TLSv1.3': 'refused',
      'worthless-ciphers': 'refused',
    });
  });

  it('distinguishes a closed port from a plain-text port, and reports a port that does not reply', async () => {
    const port = await findFreePort('127.0.0.1');
    expect(await plainText({ host: '127.0.0.1', port })).toBe('refused');
    const silent = createPlainServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
    try {
      expect(await plainText({ host: '127.0.0.1', port })).toBe('no answer');
    } finally {
      silent.close();
    }
  });
});

describe('the facts of an environment', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kit-facts-'));
  let environment: Environment;

  beforeAll(async () => {
    const config = loadEnvironment(resolve('config/environments/single.yaml'), { name: 'facts' }, new Map());
    environment = await localSubstrate({ stateDir: dir }).apply(planTopology(config), { ephemeral: true });
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  async function observed(): Promise<{
    readonly silent: readonly string[];
    readonly seen: readonly ObservationEvent[];
  }> {
    const events: HistoryEvent[] = [];
    const recorder = {
      path: '',
      record: (event: HistoryEvent) => void events.push(event),
      close: async () => {},
    };
    const facts = await openNodeFacts({ environment, clock: openClock(), recorder });
    const silent = await facts.probe('start');
    return { silent, seen: events.filter((event) => event.type === 'observe') };
  }
  const named = (seen: readonly ObservationEvent[], name: string) =>
    seen.find((event) => event.name === name)?.data ?? {};

  it('contain the rendered files and the replies of the nodes, without passwords', async () => {
    const { silent, seen } = await observed();
    expect(silent).toEqual([]);
    expect(named(seen, 'rendered')).toMatchObject({
      appendonly: 'yes',
      masterauth: expect.stringMatching(/^digest:/),
    });
    expect(named(seen, 'config')).toMatchObject({ appendonly: 'yes', maxmemory: '268435456' });
    expect(named(seen, 'config').masterauth).toBe(named(seen, 'rendered').masterauth);
    expect(named(seen, 'users').app).toMatch(/^on #digest:\w{16} /);
    expect(named(seen, 'classes').dangerous).toContain('flushall');
    expect(named(seen, 'absent-commands')).toEqual({ names: '' });
    expect(named(seen, 'ports')).toEqual({ plain: 'accepted' });
    expect(named(seen, 'role')).toMatchObject({ role: 'master' });
    expect(JSON.stringify(seen)).not.toMatch(/[#>][0-9a-f]{64}/);
  });

  it('name a node that does not reply within the command timeout', async () => {
    const heal = await environment.capabilities.pause?.('redis-1');
    try {
      const { silent, seen } = await observed();
      expect(silent).toEqual(['redis-1']);
      expect(named(seen, 'unanswered')).toEqual({ error: expect.any(String) });
      expect(named(seen, 'config')).toEqual({});
    } finally {
      await heal?.();
    }
  });

  it('name a rejected command', async () => {
    const admin = await environment.admin('redis-1');
    await admin.call('ACL', 'SETUSER', 'admin', '-acl|list');
    try {
      const { silent, seen } = await observed();
      expect(silent).toEqual([]);
      expect(named(seen, 'refused')).toMatchObject({
        command: 'ACL LIST',
        error: expect.stringContaining('NOPERM'),
      });
      expect(named(seen, 'config')).toMatchObject({ appendonly: 'yes' });
    } finally {
      await (await environment.admin('redis-1')).call('ACL', 'SETUSER', 'admin', '+@all');
    }
  });
});
