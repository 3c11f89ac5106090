/**
 * Decoding of replies to the client's own commands, and forwarding of replies to ioredis commands. Each reply reaches
 * its command, wherever the network splits the bytes.
 */
import fc from 'fast-check';
import { ReplyError } from 'ioredis';
import { expect, it } from 'vitest';
import type { Link } from '../../../client/transport/link.ts';
import { PendingReplies } from '../../../client/transport/pending-replies.ts';
import { Replies } from '../../../client/transport/replies.ts';
import { WireCommand } from '../../../client/transport/wire.ts';

const LINK = { settled() {} } as unknown as Link;

interface Reply {
  readonly own: boolean;
  readonly push?: boolean;
  readonly bytes: Buffer;
  readonly value?: unknown;
}

const bulk = (value: Buffer | null): Buffer =>
  value === null
    ? Buffer.from('_\r\n')
    : Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
const value = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(Buffer.from('\r\n$3\r\n*2\r\n')),
);
const own: fc.Arbitrary<Reply> = fc.oneof(
  value.map((of) => ({ own: true, bytes: bulk(of), value: of })),
  fc.array(value, { maxLength: 5 }).map((list) => ({
    own: true,
    bytes: Buffer.concat([Buffer.from(`*${list.length}\r\n`), ...list.map(bulk)]),
    value: list,
  })),
  fc.integer().map((n) => ({ own: true, bytes: Buffer.from(`:${n}\r\n`), value: n })),
  fc.constantFrom(
    { own: true, bytes: Buffer.from('+OK\r\n'), value: Buffer.from('OK') },
    { own: true, bytes: Buffer.from('$-1\r\n'), value: null },
    { own: true, bytes: Buffer.from('*-1\r\n'), value: null },
  ),
);
/** Replies with nested lists, RESP3 types and errors; the values equal those of ioredis. */
const nested: readonly (readonly [bytes: string, value: unknown])[] = [
  ['-ERR no\r\n', new ReplyError('ERR no')],
  ['!5\r\nERR x\r\n', new ReplyError('ERR x')],
  [
    '*2\r\n*2\r\n$1\r\na\r\n:1\r\n%1\r\n+k\r\n,1.5\r\n',
    [
      [Buffer.from('a'), 1],
      [Buffer.from('k'), Buffer.from('1.5')],
    ],
  ],
  ['%2\r\n$1\r\na\r\n_\r\n$1\r\nb\r\n~1\r\n#t\r\n', [Buffer.from('a'), null, Buffer.from('b'), [1]]],
  ['*2\r\n-ERR part\r\n#f\r\n', [new ReplyError('ERR part'), 0]],
  ['=7\r\ntxt:abc\r\n', Buffer.from('abc')],
  ['*0\r\n', []],
  ['*1\r\n*0\r\n', [[]]],
  ['(123456789012345678901234567890\r\n', '123456789012345678901234567890'],
];
/** Replies that are forwarded to ioredis: replies to its commands, and push messages. */
const passed: fc.Arbitrary<Reply> = fc.constantFrom(
  ...[...nested.map(([bytes]) => bytes), '|1\r\n+ttl\r\n:3\r\n$2\r\nhi\r\n', '+OK\r\n', '$-1\r\n'].map(
    (text) => ({
      own: false,
      bytes: Buffer.from(text),
    }),
  ),
  { own: false, push: true, bytes: Buffer.from('>2\r\n+message\r\n*1\r\n$1\r\nx\r\n') },
);
/** The error of a command contains the name of the command. */
const named = (value: unknown): unknown =>
  value instanceof Error ? Object.assign(value, { command: { name: 'GET', args: [] } }) : value;
const anyOwn: fc.Arbitrary<Reply> = fc.oneof(
  own,
  fc.constantFrom(
    ...nested.map(([text, value]) => ({ own: true, bytes: Buffer.from(text), value: named(value) })),
  ),
);

it('each reply reaches its reader, complete and in order, for every split into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyOwn, passed), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      (replies, cuts) => {
        const answers: unknown[] = [];
        const receiver = {
          answered: (_: Link, reply: unknown) => answers.push(reply),
          failed: (_: Link, error: Error) => answers.push(error),
        };
        const pending = new PendingReplies();
        for (const reply of replies) {
          if (reply.own) pending.push(new WireCommand(LINK, 'GET', [], true, receiver, undefined, 0));
          else if (!reply.push) pending.push(undefined);
        }
        const chunks: Buffer[] = [];
        const reader = new Replies(pending, (chunk) => chunks.push(chunk));
        const stream = Buffer.concat(replies.map(({ bytes }) => bytes));
        const ends = [...new Set([...cuts.filter((cut) => cut < stream.length), stream.length])];
        let from = 0;
        for (const to of ends.sort((a, b) => a - b)) {
          if (to > from) reader.read(stream.subarray(from, to));
          from = to;
        }
        expect(answers).toEqual(replies.filter((reply) => reply.own).map((reply) => reply.value));
        expect(Buffer.concat(chunks)).toEqual(
          Buffer.concat(replies.filter((reply) => !reply.own).map(({ bytes }) => bytes)),
        );
        expect(pending.clear()).toEqual([]);
      },
    ),
    { numRuns: 2_000 },
  );
});

it('refuses a reply of an unknown type', () => {
  const pending = new PendingReplies();
  pending.push(new WireCommand(LINK, 'GET', [], true, { answered() {}, failed() {} }, undefined, 0));
  const reader = new Replies(pending, () => {});
  expect(() => reader.read(Buffer.from('?1\r\n'))).toThrowError('unknown RESP type ? in a reply');
});

it('keeps the order of any number of pending commands', () => {
  const pending = new PendingReplies();
  const commands = Array.from(
    { length: 5000 },
    (_, i) => new WireCommand(LINK, 'GET', [i], true, { answered() {}, failed() {} }, undefined, 0),
  );
  const shifted: unknown[] = [];
  for (const [i, command] of commands.entries()) {
    pending.push(command);
    if (i % 3 === 2) shifted.push(pending.shift());
  }
  for (let next = pending.shift(); next; next = pending.shift()) shifted.push(next);
  expect(shifted).toEqual(commands);
});
