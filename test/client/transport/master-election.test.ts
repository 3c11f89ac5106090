import { describe, expect, it } from 'vitest';
import { parseRole, type Role } from '../../../client/transport/link.ts';
import {
  DEPOSED_MS,
  DOUBT_MS,
  evaluateCandidate,
  type KnownTopology,
  leadingView,
  type OutageState,
} from '../../../client/transport/master-election.ts';
import { parseView, type SentinelView } from '../../../client/transport/sentinel-monitor.ts';

const node = (port: number) => ({ host: 'n', port });
const [old, next, third] = [node(1), node(2), node(3)];
const master: Role = { kind: 'master', replicas: [] };
const view = (port: number, epoch: number, troubled = false): SentinelView => ({
  master: node(port),
  epoch,
  troubled,
  at: 0,
  fell: false,
});

const topology: KnownTopology = {
  current: { address: old, epoch: 5 },
  replicas: new Set(['n:2', 'n:3']),
  deposed: new Map(),
};
const suspect: OutageState = {
  at: 10_000,
  kind: 'suspect',
  owedMs: 200,
  replaceAfterMs: 1000,
  replicasHeard: true,
  silentMs: 200,
  troubled: false,
  refused: false,
  former: 'unheard',
};
const lost: OutageState = { ...suspect, kind: 'lost', owedMs: 0 };

describe('the elected master', () => {
  it('is never a node that does not report ROLE master', () => {
    const replica: Role = { kind: 'replica', of: old };
    expect(evaluateCandidate(next, replica, topology, view(2, 6), lost)).toBe('no');
    expect(evaluateCandidate(next, { kind: 'unready', reason: 'LOADING' }, topology, view(2, 6), lost)).toBe(
      'no',
    );
  });

  it('is the node that the sentinels report at the start', () => {
    const nothing: KnownTopology = { current: undefined, replicas: new Set(), deposed: new Map() };
    expect(evaluateCandidate(old, master, nothing, view(1, 0), lost)).toBe('sentinel');
    expect(evaluateCandidate(next, master, nothing, view(1, 0), lost)).toBe('no');
    expect(evaluateCandidate(next, master, nothing, undefined, lost)).toBe('no');
  });

  it('can be a promoted replica of the current master, even before the sentinels report it', () => {
    const troubled = { ...suspect, troubled: true };
    expect(evaluateCandidate(next, master, topology, view(1, 5), troubled)).toBe('role');
    expect(evaluateCandidate(node(9), master, topology, view(1, 5), troubled)).toBe('no');
    expect(evaluateCandidate(next, master, topology, view(2, 6), suspect)).toBe('role');
  });

  it('is not a replica that reports ROLE master while the current master is only briefly unreachable', () => {
    const claim = (outage: Partial<OutageState>): string =>
      evaluateCandidate(next, master, topology, view(1, 5), { ...suspect, ...outage });
    expect(claim({})).toBe('no');
    expect(claim({ silentMs: DOUBT_MS + 1 })).toBe('role');
    expect(claim({ former: 'replica' })).toBe('role');
    expect(claim({ former: 'silent' })).toBe('no');
    const cut = { kind: 'lost', owedMs: 0 } as const;
    expect(claim({ ...cut })).toBe('no');
    expect(claim({ ...cut, former: 'master' })).toBe('no');
    expect(claim({ ...cut, former: 'silent' })).toBe('role');
    expect(claim({ ...cut, former: 'unready' })).toBe('role');
    expect(claim({ ...cut, refused: true })).toBe('role');
  });

  it('is not a promoted replica if the sentinels already report a third node', () => {
    expect(evaluateCandidate(next, master, topology, view(3, 6), lost)).toBe('no');
    expect(evaluateCandidate(third, master, topology, view(3, 6), lost)).toBe('role');
  });

  it('is the previous master if it replies again and nothing contradicts it', () => {
    expect(evaluateCandidate(old, master, topology, view(1, 5), lost)).toBe('same');
    expect(evaluateCandidate(old, master, topology, undefined, lost)).toBe('same');
    expect(evaluateCandidate(old, master, topology, view(2, 6), lost)).toBe('no');
    expect(evaluateCandidate(old, master, topology, view(1, 5), { ...lost, replicasHeard: false })).toBe(
      'no',
    );
  });

  it('is the suspected node itself only if its connection is silent for too long', () => {
    expect(evaluateCandidate(old, master, topology, view(1, 5), suspect)).toBe('no');
    expect(evaluateCandidate(old, master, topology, view(1, 5), { ...suspect, owedMs: 1000 })).toBe('same');
  });

  it('is never a deposed master, unless sentinels report it with a newer epoch or after the settling time', () => {
    const moved: KnownTopology = {
      current: { address: next, epoch: 5 },
      replicas: new Set(),
      deposed: new Map([['n:1', { epoch: 5, at: 0 }]]),
    };
    expect(evaluateCandidate(old, master, moved, view(1, 5), { ...lost, at: 100 })).toBe('no');
    expect(evaluateCandidate(old, master, moved, view(1, 6), { ...lost, at: 100 })).toBe('sentinel');
    expect(evaluateCandidate(old, master, moved, view(1, 5), { ...lost, at: DEPOSED_MS + 1 })).toBe(
      'sentinel',
    );
    expect(evaluateCandidate(old, master, moved, view(1, 5, true), { ...lost, at: DEPOSED_MS + 1 })).toBe(
      'no',
    );
    expect(evaluateCandidate(old, master, moved, view(1, 5), { ...suspect, at: DEPOSED_MS + 1 })).toBe('no');
  });

  it('is never a node with an older configuration epoch', () => {
    expect(evaluateCandidate(node(9), master, topology, view(9, 4), lost)).toBe('no');
  });
});

describe('the leading view', () => {
  it('is the newest view, even if only a minority has it; if epochs are equal, the view with most votes', () => {
    expect(leadingView([view(1, 5), view(1, 5), view(2, 6)])?.master.port).toBe(2);
    expect(leadingView([view(1, 5), view(2, 5), view(2, 5)])?.master.port).toBe(2);
    expect(leadingView([])).toBeUndefined();
  });
});

describe('replies', () => {
  it('yield a role only if they are replies to ROLE', () => {
    expect(parseRole(['master', 1, [['h', '2', '0']]])).toEqual({
      kind: 'master',
      replicas: [{ host: 'h', port: 2 }],
    });
    expect(parseRole(['master', 1, null])).toEqual({ kind: 'master', replicas: [] });
    expect(parseRole(['slave', 'h', 3, 'connected', 1])).toEqual({
      kind: 'replica',
      of: { host: 'h', port: 3 },
    });
    expect(parseRole(['sentinel', []])).toMatchObject({ kind: 'unready' });
    expect(parseRole('OK')).toMatchObject({ kind: 'unready' });
  });

  it('yield a view only if they are replies to SENTINEL MASTER', () => {
    const reply = ['name', 'm', 'ip', 'h', 'port', '7', 'flags', 'master,o_down', 'config-epoch', '3'];
    expect(parseView(reply)).toMatchObject({ master: { host: 'h', port: 7 }, epoch: 3, troubled: true });
    expect(parseView(['ip', 'h', 'port', '7'])).toMatchObject({ epoch: 0, troubled: false });
    expect(parseView(null)).toBeUndefined();
    expect(parseView(['ip', 'h', 'port', 'x'])).toBeUndefined();
  });
});
