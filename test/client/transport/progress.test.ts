/** Measurement of silences, stalls and waits with a clock that the test controls. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Progress } from '../../../client/transport/progress.ts';
import { Silence } from '../../../client/transport/silence.ts';
import { Stalls } from '../../../client/transport/stalls.ts';
import { withTimeout } from '../../../client/transport/timing.ts';

const now = (): number => performance.now();
const pass = (ms: number): void => void vi.advanceTimersByTime(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the progress of a connection', () => {
  let progress: Progress;
  const send = (bytes = 10, waitMs = 0): number => {
    progress.began(now(), waitMs);
    progress.sized(bytes);
    return now();
  };
  const measured = (): readonly number[] => [progress.silentMs(now()), progress.owedMs(now())];
  beforeEach(() => {
    progress = new Progress(5000);
  });

  it('measures the silence since the command was sent, or since the last bytes or the last reply arrived', () => {
    expect(measured()).toEqual([0, 0]);
    const [first, second] = [send(), send()];
    pass(100);
    expect(measured()).toEqual([100, 100]);
    progress.heard();
    expect(measured()).toEqual([0, 0]);
    pass(30);
    progress.settled(first);
    pass(20);
    expect(measured()).toEqual([20, 20]);
    progress.settled(second);
    pass(1000);
    expect([progress.isIdle, ...measured()]).toEqual([true, 0, 0]);
  });

  it('distinguishes parts of one reply from complete replies', () => {
    const sent = [send(), send()];
    progress.heard();
    progress.settled(sent[0] as number);
    expect(progress.pieces).toBe(0);
    progress.heard();
    progress.heard();
    progress.heard();
    expect(progress.pieces).toBe(2);
  });

  it('detects the beginning of a reply, but not of the reply to an earlier command', () => {
    const sent = send();
    expect(progress.isArriving(now(), 150)).toBe(false);
    progress.heard();
    pass(150);
    expect(progress.isArriving(now(), 150)).toBe(true);
    pass(1);
    expect(progress.isArriving(now(), 150)).toBe(false);
    progress.heard();
    progress.settled(sent);
    expect(progress.isArriving(now(), 150)).toBe(false);
    // These bytes are not part of a reply.
    progress.heard();
    send();
    expect(progress.isArriving(now(), 150)).toBe(false);
  });

  it('allows a large command the time that its transfer takes on a slow connection', () => {
    const small = send();
    const large = send(500_000);
    pass(50);
    expect(measured()).toEqual([50, 50]);
    expect(progress.isSending(now())).toBe(false);
    progress.settled(small);
    pass(400);
    expect(measured()).toEqual([400, 0]);
    expect(progress.isSending(now())).toBe(true);
    pass(200);
    expect(measured()).toEqual([600, 100]);
    expect(progress.isSending(now())).toBe(false);
    progress.settled(large);
    send();
    pass(10);
    expect(measured()).toEqual([10, 10]);
  });

  it('allows at most the time until the deadline of the caller', () => {
    send(100_000_000);
    pass(5100);
    expect(measured()).toEqual([5100, 100]);
  });

  it('allows WAIT the timeout in its arguments', () => {
    const write = send();
    send(10, 1000);
    pass(10);
    expect(measured()).toEqual([10, 10]);
    progress.settled(write);
    pass(1000);
    expect(measured()).toEqual([0, 0]);
    pass(50);
    expect(measured()).toEqual([50, 50]);
  });

  it('measures the time to the first bytes of the reply, for commands that must not be slow', () => {
    const sent = send();
    pass(8);
    progress.heard();
    pass(400);
    progress.heard();
    progress.settled(sent);
    expect(progress.latencyMs).toBe(8);
    const large = send(1_000_000);
    pass(900);
    progress.settled(large);
    expect(progress.latencyMs).toBe(8);
  });

  it('excludes the time during which this process was stopped', () => {
    send();
    pass(100);
    progress.forgive(60, now());
    expect(measured()).toEqual([40, 40]);
    progress.forgive(1000, now());
    pass(5);
    expect(measured()).toEqual([5, 5]);
  });
});

describe('a silence', () => {
  const silence = (hangSuspectedMs: number, commandTimeoutMs = 1000): Silence =>
    new Silence({ hangSuspectedMs, commandTimeoutMs });

  it('is tolerated for the configured time, and longer on a slow network', () => {
    expect(silence(150).toleratedMs(1)).toBe(150);
    expect(silence(150).toleratedMs(60)).toBe(240);
    expect(silence(4000).toleratedMs(60)).toBe(4000);
    expect([silence(150).toleratedMs(600), silence(150, 5000).toleratedMs(600)]).toEqual([1000, 2400]);
  });

  it('causes a second connection to the same node, but only after the node is suspected', () => {
    const replaced = ([150, 3000] as const).map((ms) => silence(ms, 300).replacedAfterMs);
    expect([...replaced, silence(150).replacedAfterMs]).toEqual([300, 3000, 1000]);
  });

  it('counts as long if it lasts 400 ms or more', () => {
    const one = silence(5000);
    one.begin(now(), false);
    pass(390);
    expect([one.isLong(now()), one.ms]).toEqual([false, 390]);
    one.calm(now());
    pass(100);
    expect([one.isLong(now()), one.ms]).toEqual([false, 390]);
    one.resume();
    expect(one.isLong(now())).toBe(true);
    one.begin(now(), true);
    expect([one.isSuspected, one.ms]).toEqual([true, 490]);
    one.end();
    expect([one.isSuspected, one.since, one.ms]).toEqual([false, undefined, 0]);
  });
});

it('a stall is the delay of a tick beyond its interval', () => {
  const stalls = new Stalls(20);
  const after = (ms: number): number => {
    pass(ms);
    return stalls.tick(now());
  };
  expect([after(20), after(40), after(100), after(20), after(2000)]).toEqual([0, 0, 60, 0, 1960]);
});

describe('a bounded wait', () => {
  it('names the awaited condition on timeout', async () => {
    const waiting = expect(withTimeout(new Promise(() => {}), 100, 'ROLE')).rejects.toThrowError(
      'ROLE: no result within 100 ms',
    );
    await vi.advanceTimersByTimeAsync(100);
    await waiting;
  });

  it('is extended once by the time during which this process was stopped', async () => {
    vi.useRealTimers();
    const stand = (ms: number): void => {
      const end = now() + ms;
      while (now() < end);
    };
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiting = withTimeout(promise, 50, 'an answer');
    stand(150);
    // The result arrives later, like a reply that is still in the socket or in flight.
    setTimeout(resolve, 10, 'there');
    expect(await waiting).toBe('there');
  });
});
