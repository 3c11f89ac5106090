/**
 * Commands with `failFast` when the client abandons a master. The links are test doubles, because the result depends on
 * the order of events.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { NotSentError, OutcomeUnknownError } from '../../../client/index.ts';
import { Dispatcher, MOVE_MS, type Operation } from '../../../client/transport/dispatcher.ts';
import type { Link } from '../../../client/transport/link.ts';
import { now } from '../../../client/transport/timing.ts';

/** A link that records commands; the test supplies the replies. */
class FakeLink {
  readonly sent: Operation[] = [];
  readonly closed = undefined;
  destroy(): void {}
  dispatch(
    _command: string,
    _args: unknown,
    _buffers: boolean,
    _receiver: unknown,
    operation: Operation,
  ): void {
    this.sent.push(operation);
  }
  get link(): Link {
    return this as unknown as Link;
  }
}

/** The reply from a replica, as ioredis reports it. */
const READONLY = Object.assign(new Error("READONLY You can't write against a read only replica."), {
  name: 'ReplyError',
});

let dispatcher: Dispatcher;
let former: FakeLink;
let next: FakeLink;

beforeEach(() => {
  dispatcher = new Dispatcher({ refused: () => {}, why: () => 'test', maxInFlight: 10 });
  [former, next] = [new FakeLink(), new FakeLink()];
  dispatcher.attach(former.link, false);
});

function submit(command: string, read: boolean): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const times = { startedAt: now(), deadline: now() + 60_000 };
  const kind = { command, args: [], buffers: false, read, failFast: true, once: false };
  dispatcher.submit({ ...kind, ...times, resolve, reject, link: undefined });
  return promise;
}

function answer(link: FakeLink, reply: unknown): void {
  dispatcher.answered(link.link, reply, link.sent.at(-1) as Operation);
}

describe('commands with failFast', () => {
  it('are sent to the next master when the client moves, whether they are new or in flight', async () => {
    const inFlight = submit('GET', true);
    dispatcher.detach('the node was demoted', 'demoted');
    const late = submit('GET', true);
    dispatcher.attach(next.link, false);
    expect(next.sent).toHaveLength(2);
    for (const operation of next.sent) dispatcher.answered(next.link, 'value', operation);
    expect(await Promise.all([inFlight, late])).toEqual(['value', 'value']);
  });

  it('are sent to the next master when the demoted master refuses them', async () => {
    const write = submit('FCALL', false);
    dispatcher.detach('the node was demoted', 'demoted');
    dispatcher.failed(former.link, READONLY, former.sent[0] as Operation);
    dispatcher.attach(next.link, false);
    answer(next, 1);
    expect(await write).toBe(1);
  });

  it('fail as not sent if no master is found in time', async () => {
    const read = submit('GET', true);
    const outcome = expect(read).rejects.toThrow(NotSentError);
    dispatcher.detach('the node was demoted', 'demoted');
    dispatcher.tick(now() + MOVE_MS);
    await outcome;
  });

  it('fail immediately when the connection is lost', async () => {
    const read = submit('GET', true);
    const write = submit('FCALL', false);
    dispatcher.detach('closed', 'closed');
    await expect(read).rejects.toThrow(NotSentError);
    await expect(write).rejects.toThrow(OutcomeUnknownError);
    await expect(submit('GET', true)).rejects.toThrow(NotSentError);
  });
});
