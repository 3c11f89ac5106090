import { describe, expect, it } from 'vitest';
import {
  type AnnouncedFailover,
  continued,
  ELECTED_HOLD_MS,
  type Election,
  failoverOfState,
  furthest,
  NO_ELECTION,
  nextElection,
  PROMOTED_HOLD_MS,
  parseSentinelEvent,
} from '../../../client/transport/failover-announcement.ts';
import { beforeSwitch, parseView, type SentinelView } from '../../../client/transport/sentinel-monitor.ts';
import { TopologyHistory } from '../../../client/transport/topology-history.ts';

const MASTER = 'master mymaster n 1';
const REPLICA = 'slave n:2 n 2 @ mymaster n 1';
const replica = { host: 'n', port: 2 };

type Published = readonly [atMs: number, sentinel: number, channel: string, message: string];

/** Replays sentinel messages, and returns the state after each message. */
function play(published: readonly Published[]): readonly Election['kind'][] {
  const failovers = new Map<number, AnnouncedFailover | undefined>();
  let election: Election = NO_ELECTION;
  return published.map(([at, sentinel, channel, message]) => {
    const event = parseSentinelEvent(channel, message, 'mymaster');
    if (event?.kind === 'failover')
      failovers.set(sentinel, continued(failovers.get(sentinel), event.failover));
    election = nextElection(election, furthest([...failovers.values()].filter((it) => it !== undefined)), at);
    return election.kind;
  });
}

describe('the election that sentinels publish', () => {
  it('is decided at +elected-leader, and remains so until the promoted replica has been reported', () => {
    expect(
      play([
        [0, 1, '+odown', `${MASTER} #quorum 2/2`],
        [1, 1, '+try-failover', MASTER],
        [90, 1, '+elected-leader', MASTER],
        [91, 1, '+failover-state-select-slave', MASTER],
        [150, 1, '+selected-slave', REPLICA],
        [151, 1, '+failover-state-send-slaveof-noone', REPLICA],
        [220, 1, '+failover-state-wait-promotion', REPLICA],
        [700, 1, '+promoted-slave', REPLICA],
        [701, 1, '+failover-state-reconf-slaves', MASTER],
      ]),
    ).toEqual(['none', 'attempted', ...Array.from({ length: 7 }, () => 'elected')]);
  });

  it('is not decided by attempts of a sentinel that is never elected', () => {
    expect(
      play([
        [0, 1, '+try-failover', MASTER],
        [10_000, 1, '-failover-abort-not-elected', MASTER],
        [22_000, 1, '+try-failover', MASTER],
      ]),
    ).toEqual(['attempted', 'none', 'attempted']);
  });

  it('stays decided when a sentinel that lost the election reports the end of its attempt', () => {
    expect(
      play([
        [0, 1, '+try-failover', MASTER],
        [2, 2, '+try-failover', MASTER],
        [90, 2, '+elected-leader', MASTER],
        [95, 1, '-failover-abort-not-elected', MASTER],
      ]),
    ).toEqual(['attempted', 'attempted', 'elected', 'elected']);
  });

  it('ends when the leader aborts the failover', () => {
    for (const abort of ['no-good-slave', 'slave-timeout'])
      expect(
        play([
          [0, 1, '+elected-leader', MASTER],
          [100, 1, `-failover-abort-${abort}`, MASTER],
        ]),
      ).toEqual(['elected', 'none']);
  });

  it('becomes overdue if no promotion follows within the bound, and counts as decided after a late one', () => {
    expect(
      play([
        [0, 1, '+elected-leader', MASTER],
        [ELECTED_HOLD_MS - 1, 2, '+odown', MASTER],
        [ELECTED_HOLD_MS, 2, '-odown', MASTER],
        [ELECTED_HOLD_MS + 1, 1, '+failover-state-wait-promotion', REPLICA],
        [ELECTED_HOLD_MS + 500, 1, '+promoted-slave', REPLICA],
      ]),
    ).toEqual(['elected', 'elected', 'overdue', 'overdue', 'elected']);
  });

  it('is overdue if the promoted replica is not found within the bound', () => {
    expect(
      play([
        [0, 1, '+promoted-slave', REPLICA],
        [PROMOTED_HOLD_MS - 1, 2, '+odown', MASTER],
        [PROMOTED_HOLD_MS, 2, '-odown', MASTER],
        [PROMOTED_HOLD_MS + 1, 1, '+failover-state-reconf-slaves', MASTER],
      ]),
    ).toEqual(['elected', 'elected', 'overdue', 'overdue']);
  });
});

describe('a message from a sentinel', () => {
  it('names the selected replica, and later messages without a name refer to the same replica', () => {
    const selected = parseSentinelEvent('+selected-slave', REPLICA, 'mymaster');
    expect(selected).toEqual({ kind: 'failover', failover: { kind: 'elected', replica } });
    const elected: AnnouncedFailover = { kind: 'elected', replica };
    expect(continued(elected, failoverOfState('reconf_slaves'))).toEqual({ kind: 'promoted', replica });
    expect(continued(elected, failoverOfState('wait_start'))).toEqual({ kind: 'attempted' });
    expect(continued(elected, undefined)).toBeUndefined();
  });

  it('is ignored if it concerns another service, and a message of another kind only renews the view', () => {
    expect(parseSentinelEvent('+try-failover', MASTER, 'other')).toBeUndefined();
    expect(parseSentinelEvent('+selected-slave', REPLICA, 'other')).toBeUndefined();
    expect(parseSentinelEvent('+switch-master', 'other n 1 n 2', 'mymaster')).toBeUndefined();
    expect(parseSentinelEvent('+switch-master', 'mymaster n 1 n 2', 'mymaster')).toEqual({ kind: 'other' });
    expect(parseSentinelEvent('+sdown', `sentinel abc n 3 @ mymaster n 1`, 'mymaster')).toEqual({
      kind: 'other',
    });
  });
});

describe('the state of a failover in the reply to SENTINEL MASTER', () => {
  const reply = (state: string, epoch = 6): unknown[] =>
    ['ip', 'n', 'port', '1', 'flags', 'master,failover_in_progress', 'config-epoch', String(epoch)].concat(
      state === '' ? [] : ['failover-state', state],
    );
  const kindOf = (state: string) => parseView(reply(state))?.failover?.kind;

  it('is parsed as an attempt, an election or a promotion', () => {
    expect(kindOf('')).toBeUndefined();
    expect(kindOf('none')).toBeUndefined();
    expect(kindOf('wait_start')).toBe('attempted');
    for (const state of ['select_slave', 'send_slaveof_noone', 'wait_promotion'])
      expect(kindOf(state)).toBe('elected');
    for (const state of ['reconf_slaves', 'update_config']) expect(kindOf(state)).toBe('promoted');
  });

  it('assigns the new epoch to the promoted replica, not to the replaced master', () => {
    const promoted = parseView(reply('reconf_slaves', 9)) as SentinelView;
    const before = { ...promoted, epoch: 5, failover: undefined };
    expect(beforeSwitch(promoted, before).epoch).toBe(5);
    expect(beforeSwitch(promoted, undefined).epoch).toBe(8);
    const elsewhere = { ...before, master: { host: 'n', port: 7 } };
    expect(beforeSwitch(promoted, elsewhere).epoch).toBe(8);
    const calm = { ...promoted, failover: undefined };
    expect(beforeSwitch(calm, before).epoch).toBe(9);
  });
});

describe('the failover of the current master', () => {
  const history = new TopologyHistory((announced) => announced);
  const view = (port: number, epoch: number, failover?: AnnouncedFailover): SentinelView => ({
    master: { host: 'n', port },
    epoch,
    troubled: failover !== undefined,
    failover,
    at: 0,
    fell: false,
  });
  history.adopt({ host: 'n', port: 1 }, { kind: 'master', replicas: [] }, 'sentinel', [view(1, 5)]);
  const elected: AnnouncedFailover = { kind: 'elected', replica };

  it('is announced by any sentinel that has the configuration in use or a newer one', () => {
    expect(history.announced([view(1, 5), view(1, 5, { kind: 'attempted' }), view(1, 5, elected)])).toBe(
      elected,
    );
    expect(history.announced([view(1, 6, elected)])).toBe(elected);
  });

  it('is not announced by a sentinel that has an older configuration or another master', () => {
    expect(history.announced([view(1, 4, elected)])).toBeUndefined();
    expect(history.announced([view(3, 5, elected)])).toBeUndefined();
    expect(history.announced([])).toBeUndefined();
  });
});
