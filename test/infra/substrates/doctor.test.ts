import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KitError } from '../../../config/errors.ts';
import { checkMachine, doctor, type MachineFacts } from '../../../infra/substrates/doctor.ts';
import { localFacts } from '../../../infra/substrates/local/doctor.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { singleConfiguration, temporaryStateDir } from './local/fixtures.ts';

const sound: MachineFacts = {
  nodeVersion: '24.1.0',
  stateDir: '/state',
  freeBytes: 10 * 1024 ** 3,
  requiredFreeBytes: 64 * 1024 ** 2,
  addressing: 'address-per-node',
  redis: { path: '/usr/bin/redis-server', facts: { version: '7.4.1', tls: true, activedefrag: true } },
  environments: [{ name: 'dev', leftOver: false }],
  stateDirProblem: undefined,
  temporaryDirProblem: undefined,
  overcommitMemory: '1',
  transparentHugePages: 'always [madvise] never',
  openFilesLimit: 65_536,
};

describe('the doctor', () => {
  it('reports nothing on a machine without problems', () => {
    const checks = checkMachine(sound);
    expect(checks.map(({ state }) => state)).toEqual(Array(checks.length).fill('ok'));
    expect(checks.every(({ remedy }) => remedy === '')).toBe(true);
    expect(checks.at(-1)?.found).toBe('no leftover environments; running: dev');
  });

  it.each([
    ['node', 'fail', { nodeVersion: '18.20.0' }],
    ['node', 'fail', { nodeVersion: '20.18.0' }],
    [
      'redis-server',
      'fail',
      { redis: new KitError('is too old', { code: 'X', where: '/old', hint: 'newer' }) },
    ],
    ['redis-server', 'fail', { redis: new KitError('is missing', { code: 'X' }) }],
    [
      'redis-tls',
      'warn',
      { redis: { path: '', facts: { version: '7.0.0', tls: false, activedefrag: true } } },
    ],
    [
      'redis-activedefrag',
      'warn',
      { redis: { path: '', facts: { version: '7.0.0', tls: true, activedefrag: false } } },
    ],
    ['loopback-addresses', 'warn', { addressing: 'port-per-node' }],
    ['overcommit-memory', 'warn', { overcommitMemory: '0' }],
    ['transparent-huge-pages', 'warn', { transparentHugePages: '[always] madvise never' }],
    ['open-files', 'warn', { openFilesLimit: 1_024 }],
    ['disk', 'warn', { freeBytes: 500 * 1024 ** 2 }],
    ['disk', 'fail', { freeBytes: 5 * 1024 ** 2 }],
    ['environments', 'warn', { environments: [{ name: 'dev', leftOver: true }] }],
    [
      'environments',
      'fail',
      { environments: new KitError('cannot be read (EACCES)', { code: 'STATE_UNREADABLE' }) },
    ],
    ['state-directory', 'fail', { stateDirProblem: '/ is not writable (EROFS)' }],
    ['temporary-directory', 'fail', { temporaryDirProblem: '/tmp/file must be a directory' }],
  ] as const)('reports %s: %s', (id, state, change) => {
    const wrong = checkMachine({ ...sound, ...change } as MachineFacts).filter(
      (check) => check.state !== 'ok',
    );
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toMatchObject({ id, state });
  });

  it('skips checks that the system does not support', () => {
    const elsewhere = {
      ...sound,
      overcommitMemory: undefined,
      transparentHugePages: undefined,
      openFilesLimit: undefined,
    };
    const checks = checkMachine(elsewhere);
    expect(checks.filter(({ found }) => found === 'not applicable on this system')).toHaveLength(3);
  });

  it('checks this machine', async () => {
    using state = temporaryStateDir();
    await using _environment = await localSubstrate({ stateDir: state.path }).apply(
      planTopology(singleConfiguration('doctor')),
      { ephemeral: true },
    );
    const checks = await doctor(() => localFacts({ stateDir: state.path }));
    expect(checks.find(({ id }) => id === 'redis-server')?.state).toBe('ok');
    expect(checks.at(-1)?.found).toBe('no leftover environments; running: doctor');
    const missing = join(state.path, 'nowhere');
    const without = await doctor(() => localFacts({ stateDir: state.path, redisServer: missing }));
    expect(without.find(({ id }) => id === 'redis-server')).toMatchObject({
      state: 'fail',
      found: `'${missing}' does not exist`,
    });
  });
});
