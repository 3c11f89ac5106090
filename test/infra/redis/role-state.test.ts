/** The master, derived from the reports of nodes and sentinels in each phase of a failover. */
import { describe, expect, it } from 'vitest';
import {
  describeRoles,
  masterOf,
  type RedisReport,
  type RoleReports,
  reportedMasterOf,
  roleStateOf,
  type SentinelReport,
} from '../../../infra/redis/role-state.ts';

const master = (id: string): RedisReport => ({ id, role: 'master' });
const replica = (id: string, follows?: string): RedisReport => ({ id, role: 'replica', follows });
const sentinel = (
  n: number,
  names: string | undefined,
  more: Partial<SentinelReport> = {},
): SentinelReport => ({
  id: `sentinel-${n}`,
  names,
  configEpoch: 0,
  flags: ['master'],
  ...more,
});
const sentinels = (names: string, more: Partial<SentinelReport> = {}) =>
  [1, 2, 3].map((n) => sentinel(n, names, more));
const stateOf = (reports: Partial<RoleReports>) =>
  roleStateOf({ redis: [], sentinels: [], sentinelCount: 3, ...reports });

describe('the master of a replication group', () => {
  it('is the node that reports ROLE master and that the sentinels report', () => {
    const state = stateOf({
      redis: [master('redis-1'), replica('redis-2', 'redis-1'), replica('redis-3', 'redis-1')],
      sentinels: sentinels('redis-1'),
    });
    expect(state).toEqual({ kind: 'stable', master: 'redis-1' });
    expect(masterOf(state)).toBe('redis-1');
  });

  it('is the node that the sentinels report while a deposed master still reports ROLE master', () => {
    const state = stateOf({
      redis: [master('redis-1'), master('redis-2'), replica('redis-3', 'redis-2')],
      sentinels: sentinels('redis-2', { configEpoch: 1 }),
    });
    expect(state).toEqual({ kind: 'deposed-master', master: 'redis-2', deposed: ['redis-1'] });
    expect(masterOf(state)).toBe('redis-2');
    expect(describeRoles(state)).toMatch(/^redis-2 is master; redis-1 was master before the failover/);
  });

  it('is the node with the highest epoch even if the other sentinels are behind', () => {
    const state = stateOf({
      redis: [master('redis-1'), master('redis-2')],
      sentinels: [sentinel(1, 'redis-2', { configEpoch: 7 }), sentinel(2, 'redis-1', { configEpoch: 6 })],
    });
    expect(state).toEqual({ kind: 'failover', from: 'redis-1', to: 'redis-2' });
    expect(masterOf(state)).toBe('redis-2');
  });

  it('is undefined while the leader has not promoted a replica', () => {
    const state = stateOf({
      redis: [replica('redis-2', 'redis-1'), replica('redis-3', 'redis-1')],
      sentinels: [
        sentinel(1, 'redis-1', { flags: ['s_down', 'o_down', 'master', 'failover_in_progress'] }),
        sentinel(2, 'redis-1'),
        sentinel(3, 'redis-1'),
      ],
    });
    expect(state).toEqual({ kind: 'failover', from: 'redis-1', to: undefined });
    expect(masterOf(state)).toBeUndefined();
    expect(reportedMasterOf(state)).toBe('redis-1');
    expect(describeRoles(state)).toBe('failover from redis-1 in progress: no replica is promoted yet');
  });

  it('is the replica that the leader promotes, even if another node also reports ROLE master', () => {
    const leader = sentinel(1, 'redis-1', { flags: ['master', 'failover_in_progress'], promotes: 'redis-2' });
    const state = stateOf({
      redis: [master('redis-2'), master('redis-3')],
      sentinels: [leader, sentinel(2, 'redis-1')],
    });
    expect(state).toEqual({ kind: 'failover', from: 'redis-1', to: 'redis-2' });
  });

  it('is undefined if only a deposed node reports ROLE master and the reported master does not reply', () => {
    const state = stateOf({
      redis: [master('redis-1'), replica('redis-3', 'redis-2')],
      sentinels: [
        sentinel(1, 'redis-2', { configEpoch: 1, flags: ['s_down', 'master'] }),
        sentinel(2, 'redis-2', { configEpoch: 1 }),
      ],
    });
    expect(state).toEqual({
      kind: 'master-down',
      named: 'redis-2',
      seenDownBy: ['sentinel-1'],
      others: ['redis-1'],
    });
    expect(masterOf(state)).toBeUndefined();
    expect(describeRoles(state)).toBe(
      'no master: redis-2, which the sentinels report, is unreachable; sentinel-1 reports it as down; a failover has not started; redis-1 reports master and is not the one they report',
    );
  });

  it('is undefined if all nodes are replicas', () => {
    const state = stateOf({
      redis: [replica('redis-1', 'redis-2'), replica('redis-2', 'redis-1')],
      sentinels: sentinels('redis-1'),
    });
    expect(state).toEqual({ kind: 'named-replica', named: 'redis-1', follows: 'redis-2' });
    expect(describeRoles(state)).toBe(
      'no master: redis-1, which the sentinels name, is a replica of redis-2',
    );
  });

  it('is not decided by a minority of the sentinels', () => {
    const minority = [sentinel(1, 'redis-1', { configEpoch: 9 })];
    expect(stateOf({ redis: [master('redis-1'), master('redis-2')], sentinels: minority })).toEqual({
      kind: 'unknown',
      masters: ['redis-1', 'redis-2'],
      sentinels: { answering: 1, total: 3 },
    });
    const alone = stateOf({ redis: [master('redis-2')], sentinels: minority });
    expect(alone).toMatchObject({ kind: 'unconfirmed', master: 'redis-2' });
    expect(masterOf(alone)).toBe('redis-2');
    expect(reportedMasterOf(alone)).toBeUndefined();
  });

  it('is the only node that reports ROLE master if there are no sentinels', () => {
    expect(stateOf({ redis: [master('redis-1')], sentinelCount: 0 })).toEqual({
      kind: 'stable',
      master: 'redis-1',
    });
    expect(describeRoles(stateOf({ sentinelCount: 0 }))).toBe('no single master: no node reports master');
  });
});
