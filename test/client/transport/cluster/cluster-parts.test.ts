import { describe, expect, it } from 'vitest';
import { CommandError, TimeoutError } from '../../../../client/index.ts';
import { type ClusterView, parseNodes } from '../../../../client/transport/cluster/nodes.ts';
import { otherShardsServing } from '../../../../client/transport/cluster/partial-outage.ts';
import { redirectionOf } from '../../../../client/transport/cluster/redirection.ts';
import { routeOf } from '../../../../client/transport/cluster/routes.ts';
import { scanMasters } from '../../../../client/transport/cluster/scan.ts';
import { slotOf } from '../../../../client/transport/cluster/slot.ts';
import { Topology } from '../../../../client/transport/cluster/topology.ts';

const id = (n: number): string => String(n).repeat(40).slice(0, 40);
const address = (n: number) => ({ host: 'n', port: n });

/** `[node, role or master, epoch, slots]` */
type Line = readonly [node: number, of: number | 'master' | 'failed', epoch: number, slots?: string];

function view(...lines: readonly Line[]): ClusterView {
  const text = lines.map(([n, of, epoch, slots = '']) => {
    const flags = of === 'master' ? 'master' : of === 'failed' ? 'master,fail' : 'slave';
    const master = typeof of === 'number' ? id(of) : '-';
    return `${id(n)} n:${n}@1${n} ${flags} ${master} 0 0 ${epoch} connected ${slots}`;
  });
  return parseNodes(text.join('\n'), { asked: address(1), names: false, at: 0 }) as ClusterView;
}

describe('slots', () => {
  it('equal the slots that Redis computes, including for keys with hash tags', () => {
    expect(slotOf('123456789')).toBe(12_739);
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
    expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'));
    expect(slotOf(Buffer.from('ü'))).toBe(slotOf('ü'));
  });

  it('are determined by the keys of a command', () => {
    const slot = slotOf('k');
    expect(routeOf('get', ['k'])).toEqual({ to: 'slot', slot });
    expect(routeOf('FCALL', ['f', '1', 'k', 'x'])).toEqual({ to: 'slot', slot });
    expect(routeOf('XADD', ['k', '*', 'a', 1])).toEqual({ to: 'slot', slot });
    expect(routeOf('EVAL', ['return 1', 0])).toEqual({ to: 'any' });
    expect(routeOf('MGET', [])).toEqual({ to: 'any' });
    expect(routeOf('DEL', [1])).toEqual({ to: 'slot', slot: slotOf('1') });
  });
});

describe('CLUSTER NODES', () => {
  const line = `${id(1)} :7@17,name master - 0 0 5 connected 0-9 12 [13->-${id(2)}]`;
  it('is parsed, with host names under TLS', () => {
    const asked = { host: 'asked', port: 7 };
    const own = line.replace('master', 'myself,master');
    const plain = parseNodes(`${own}\n`, { asked, names: false, at: 3 })?.nodes.get(id(1));
    expect(plain).toMatchObject({ address: asked, epoch: 5, troubled: false });
    expect(plain?.slots).toEqual([
      [0, 9],
      [12, 12],
    ]);
    const named = parseNodes(own, { asked, names: true, at: 3 })?.nodes.get(id(1));
    expect(named).toMatchObject({
      names: [asked, { host: 'name', port: 7 }],
      address: { host: 'name', port: 7 },
    });
    expect(named?.migrating).toEqual(new Map([[13, id(2)]]));
  });

  it.each(['asked:7', 'name:7'])('is parsed with a natMap that uses any name of the node: %s', (key) => {
    const own = line.replace('master', 'myself,master');
    const natMap = { [key]: { host: 'near', port: 1 } };
    for (const names of [true, false]) {
      const context = { asked: { host: 'asked', port: 7 }, names, natMap, at: 3 };
      expect(parseNodes(own, context)?.nodes.get(id(1))?.address).toEqual(natMap[key]);
    }
  });

  it('yields no topology if it has no addresses or comes from a node outside a cluster', () => {
    const context = { asked: address(1), names: false, at: 0 };
    expect(parseNodes(line, context)).toBeUndefined();
    expect(parseNodes('ERR This instance has cluster support disabled', context)).toBeUndefined();
    expect(parseNodes(`${id(1)} n:1@2 master,noaddr - 0 0 1 connected`, context)).toBeUndefined();
  });
});

describe('the topology', () => {
  const before = view([1, 'master', 1, '0-99'], [2, 'master', 2, '100-16383'], [4, 1, 1], [5, 2, 2]);

  it('uses the highest epoch per slot, and tracks a shard through its failovers', () => {
    const topology = new Topology();
    topology.update([before]);
    const shard = topology.owner(0);
    expect(topology.shards.size).toBe(2);
    const after = view([1, 'failed', 1], [2, 'master', 2, '100-16383'], [4, 'master', 6, '0-99'], [5, 2, 2]);
    topology.update([before, after]);
    expect(topology.owner(0)).toBe(shard);
    expect(topology.shards.size).toBe(2);
    const views = topology.viewsOf(shard as NonNullable<typeof shard>);
    expect(views).toMatchObject([
      { master: address(1), epoch: 1 },
      { master: address(4), epoch: 6 },
    ]);
    topology.update([view([1, 4, 6], [2, 'master', 2, '100-16383'], [4, 'master', 6, '0-99'])]);
    expect(topology.at(address(1))).toBe(shard);
    expect(topology.owner(50)).toBe(shard);
  });

  it('creates a shard for a replica that receives slots', () => {
    const topology = new Topology();
    topology.update([before]);
    const [first] = topology.shards;
    topology.update([
      view([1, 'master', 1, '0-49'], [2, 'master', 2, '100-16383'], [4, 'master', 7, '50-99']),
    ]);
    expect(topology.shards.size).toBe(3);
    expect(topology.owner(0)).toBe(first);
    expect(topology.owner(50)).not.toBe(first);
  });

  it('keeps a new master without slots, and is updated by a redirection', () => {
    const topology = new Topology();
    topology.update([view([1, 'master', 1, '0-16383'], [3, 'master', 0], [6, 3, 0])]);
    const empty = topology.at(address(6));
    expect(empty).toBeDefined();
    expect(topology.has(empty as NonNullable<typeof empty>)).toBe(true);
    expect(topology.shards.size).toBe(1);
    topology.redirect(7, empty as NonNullable<typeof empty>);
    expect(topology.owner(7)).toBe(empty);
    expect(topology.owner(8)).not.toBe(empty);
    expect(topology.at(address(9))).toBeUndefined();
  });

  it('finds a node by each of its names, but not if the port or the slot differs', () => {
    const topology = new Topology();
    const lines = [
      `${id(1)} 10.0.0.1:7001@1,one.test myself,master - 0 0 1 connected 0-99 [7->-${id(2)}]`,
      `${id(2)} 10.0.0.2:7002@1,two.test master - 0 0 2 connected 100-16383`,
      `${id(3)} 10.0.0.1:7003@1,three.test master - 0 0 3 connected`,
      `${id(4)} 10.0.0.4:7003@1,four.test master - 0 0 4 connected`,
    ];
    const asked = { host: 'x', port: 1 };
    topology.update([parseNodes(lines.join('\n'), { asked, names: false, at: 0 }) as ClusterView]);
    const [one, two] = [topology.owner(0), topology.owner(100)];
    const from = { host: '10.0.0.1', port: 7001 };
    const target = (host: string, port: number, kind: 'moved' | 'asking' = 'moved', slot = 8) =>
      topology.target({ kind, slot, to: { host, port } }, from);
    for (const host of ['10.0.0.2', 'two.test', '', '?']) expect(target(host, 7002)).toBe(two);
    expect(topology.reach({ host: 'two.test', port: 7002 })).toEqual({ host: '10.0.0.2', port: 7002 });
    // Two nodes have this port. An empty host means the host that sent the redirection.
    expect(target('', 7003)).toBe(topology.at({ host: 'three.test', port: 7003 }));
    expect(target('', 7001)).toBe(one);
    // The node has not announced this name.
    expect(target('alias.test', 7002)).toBeUndefined();
    expect(target('alias.test', 7002, 'asking', 8)).toBeUndefined();
    expect(target('alias.test', 7002, 'asking', 7)).toBe(two);
    expect(target('', 7009, 'asking', 7)).toBe(two);
  });

  it('marks a master as failing when a node reports the failure', () => {
    const topology = new Topology();
    topology.update([before]);
    const shard = topology.owner(0) as NonNullable<ReturnType<Topology['owner']>>;
    topology.update([view([1, 'failed', 1, '0-99'], [2, 'master', 2, '100-16383'])]);
    expect(topology.viewsOf(shard)).toMatchObject([{ troubled: true }]);
  });
});

describe('redirections', () => {
  it('are parsed from MOVED and ASK errors only', () => {
    expect(redirectionOf(new CommandError('MOVED 3999 127.0.0.1:6381'))).toEqual({
      kind: 'moved',
      slot: 3999,
      to: { host: '127.0.0.1', port: 6381 },
    });
    expect(redirectionOf(new CommandError('ASK 1 ::1:2'))).toMatchObject({
      kind: 'asking',
      to: { host: '::1' },
    });
    expect(redirectionOf(new CommandError('CLUSTERDOWN The cluster is down'))).toEqual({ kind: 'later' });
    expect(redirectionOf(new CommandError('WRONGTYPE x'))).toBeUndefined();
    expect(redirectionOf(new TimeoutError('MOVED 1 a:2'))).toBeUndefined();
  });
});

describe('a SCAN over all masters', () => {
  it('ends if a master no longer exists', async () => {
    const scan = (): Promise<unknown> => Promise.resolve(['0', ['k']]);
    expect(await scanMasters(['a', 'b'], ['0'], scan)).toEqual(['1@0', ['k']]);
    expect(await scanMasters(['a', 'b'], ['1@0'], scan)).toEqual(['0', ['k']]);
    expect(await scanMasters(['a', 'b'], ['2@0'], scan)).toEqual(['0', []]);
  });
});

describe('an unreachable shard', () => {
  const ready = { state: { kind: 'ready' }, stateForMs: 0 } as const;
  const suspect = { state: { kind: 'suspect' }, stateForMs: 0 } as const;
  const awayFor = (stateForMs: number) => ({ state: { kind: 'connecting' }, stateForMs }) as const;

  it.each([
    ['all shards serve', [ready, ready], true],
    ['one is unreachable for 1 s', [ready, awayFor(1_000)], true],
    ['one is unreachable for less than 1 s', [ready, awayFor(999)], false],
    ['another one hangs', [ready, awayFor(5_000), suspect], false],
    ['all are unreachable', [awayFor(5_000), awayFor(5_000)], false],
    ['no shard is known', [], false],
  ])('is judged by the state of the other shards: %s', (_, shards, expected) => {
    expect(otherShardsServing(shards, 1_000)).toBe(expected);
  });
});
