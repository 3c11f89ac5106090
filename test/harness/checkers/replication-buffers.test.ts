import { describe, expect, it } from 'vitest';
import { replicationBuffers } from '../../../harness/checkers/replication-buffers.ts';
import {
  buildContext,
  buildHistory,
  type Events,
  figureNumber,
  infoSample,
  observation,
} from './history-builders.ts';

const check = (...events: readonly Events[]) =>
  replicationBuffers.check(buildHistory(...events), buildContext());

/** Samples of a replication stream, one per second. The stream grows by the given number of bytes each second. */
const growing = (...bytes: readonly number[]): Events =>
  [0, ...bytes].map((_grown, i) =>
    infoSample('redis-1', i * 1000, {
      masterReplOffset: bytes.slice(0, i).reduce((sum, each) => sum + each, 0),
    }),
  );
const buffers = (backlog: number, limits = 'slave 0 0 0', node = 'redis-1'): Events =>
  observation(
    'info',
    'buffers',
    0,
    { 'repl-backlog-size': String(backlog), 'client-output-buffer-limit': limits },
    { node },
  );

describe('replication-buffers', () => {
  it('compares the backlog with the number of bytes written in the busiest second', () => {
    const finding = check(buffers(10_000), growing(100, 500, 100));
    expect(figureNumber(finding, 'heldSeconds')).toBe(20);
    expect(finding.figures.heldSeconds).toMatchObject({ n: 3 });
  });

  it('uses the smallest buffer of all nodes, and names its node, directive and value', () => {
    const finding = check(buffers(1_000_000), buffers(1000, 'slave 0 0 0', 'redis-3'), growing(500));
    expect(figureNumber(finding, 'heldSeconds')).toBe(2);
    expect(finding.reasons).toEqual([expect.stringMatching(/^redis-3: repl-backlog-size is '1000', 2\.0 s/)]);
    expect(finding.remedies).toEqual([
      expect.stringMatching(/^redis-3: repl-backlog-size is '1000': it must hold 30 s/),
    ]);
  });

  it('uses the limit of an output buffer only to the extent that the server enforces it', () => {
    const held = (limits: string) => figureNumber(check(buffers(1000, limits), growing(100)), 'heldSeconds');
    expect(held('normal 0 0 0 slave 0 0 0 pubsub 1 1 1')).toBe(10);
    // If the limit is below the size of the backlog, the server uses the size of the backlog instead.
    expect(held('normal 0 0 0 slave 500 0 0')).toBe(10);
    expect(held('slave 5000 800 60')).toBe(10);
    expect(figureNumber(check(buffers(100_000, 'replica 200000 0 0'), growing(100)), 'heldSeconds')).toBe(
      1000,
    );
  });

  it('excludes writes before the measured window', () => {
    const window = observation(
      'workload',
      'window',
      0,
      { startUs: 1_500_000, endUs: 9_000_000 },
      { client: 'kit' },
    );
    expect(figureNumber(check(buffers(1000), window, growing(100_000, 100, 100, 100)), 'heldSeconds')).toBe(
      10,
    );
  });

  it('excludes a restarted node, whose offset decreased', () => {
    const restarted = [
      infoSample('redis-1', 0, { masterReplOffset: 1_000_000 }),
      infoSample('redis-1', 1000, { masterReplOffset: 10 }),
    ];
    expect(check(buffers(1000), restarted)).toMatchObject({ validity: 'unknown', figures: {} });
  });

  it.each([
    ['no node reported its buffers', [growing(100)], /no node reported its backlog/],
    ['the stream was not sampled', [buffers(1000)], /was not sampled/],
    ['nothing was written', [buffers(1000), growing(0, 0)], /nothing was written/],
  ] as const)('is not measured when %s', (_what, events, reason) => {
    const finding = check(...events);
    expect(finding).toMatchObject({ validity: 'unknown', figures: {} });
    expect(finding.reasons.join()).toMatch(reason);
  });
});
