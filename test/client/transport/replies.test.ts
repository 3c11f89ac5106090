/**
 * The reader of plain replies next to ioredis's own: each reply reaches its command, wherever the network splits the
 * bytes.
 */
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { Link } from '../../../client/transport/link.ts';
import { Replies, readReplies } from '../../../client/transport/replies.ts';
import { WireCommand } from '../../../client/transport/wire.ts';

const LINK = { settled() {} } as unknown as Link;

interface Reply {
  readonly ours: boolean;
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
const ours: fc.Arbitrary<Reply> = fc.oneof(
  value.map((of) => ({ ours: true, bytes: bulk(of), value: of })),
  fc.array(value, { maxLength: 5 }).map((list) => ({
    ours: true,
    bytes: Buffer.concat([Buffer.from(`*${list.length}\r\n`), ...list.map(bulk)]),
    value: list,
  })),
  fc.integer().map((n) => ({ ours: true, bytes: Buffer.from(`:${n}\r\n`), value: n })),
  fc.constantFrom(
    { ours: true, bytes: Buffer.from('+OK\r\n'), value: Buffer.from('OK') },
    { ours: true, bytes: Buffer.from('$-1\r\n'), value: null },
    { ours: true, bytes: Buffer.from('*-1\r\n'), value: null },
  ),
);
/** Replies to commands that ioredis sent, errors, and unsolicited replies. */
const theirs: fc.Arbitrary<Reply> = fc.constantFrom(
  ...[
    '-ERR no\r\n',
    '*2\r\n*2\r\n$1\r\na\r\n:1\r\n%1\r\n+k\r\n,1.5\r\n',
    '%2\r\n$1\r\na\r\n_\r\n$1\r\nb\r\n~1\r\n#t\r\n',
    '|1\r\n+ttl\r\n:3\r\n$2\r\nhi\r\n',
    '!5\r\nERR x\r\n',
    '=7\r\ntxt:abc\r\n',
    '*0\r\n',
    '(123456789012345678901234567890\r\n',
  ].map((text) => ({ ours: false, bytes: Buffer.from(text) })),
  { ours: false, push: true, bytes: Buffer.from('>2\r\n+message\r\n*1\r\n$1\r\nx\r\n') },
);

it('gives each reply to its reader, whole and in order, wherever the chunks end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(ours, theirs), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      (replies, cuts) => {
        const answers: unknown[] = [];
        const receiver = { answered: (_: Link, reply: unknown) => answers.push(reply), failed() {} };
        const queue: unknown[] = replies
          .filter(({ push }) => !push)
          .map((reply) => ({
            // ioredis also reads a refusal of one of our commands.
            command:
              reply.ours || reply.bytes[0] === 0x2d
                ? new WireCommand(LINK, 'GET', [], true, receiver, undefined, 0)
                : {},
          }));
        const foreign = replies.filter((reply) => !reply.ours);
        let passed = Buffer.alloc(0);
        const reader = new Replies(
          { peekFront: () => queue[0] as { command: unknown }, shift: () => queue.shift() },
          (chunk) => {
            passed = Buffer.concat([passed, chunk]);
            const [first] = foreign;
            if (!first || passed.length < first.bytes.length) return;
            expect(passed).toEqual(first.bytes);
            foreign.shift();
            passed = Buffer.alloc(0);
            if (!first.push) queue.shift();
          },
        );
        const stream = Buffer.concat(replies.map(({ bytes }) => bytes));
        const ends = [...new Set([...cuts.filter((cut) => cut < stream.length), stream.length])];
        let from = 0;
        for (const to of ends.sort((a, b) => a - b)) {
          if (to > from) reader.read(stream.subarray(from, to));
          from = to;
        }
        expect(answers).toEqual(replies.filter((reply) => reply.ours).map((reply) => reply.value));
        expect(foreign).toEqual([]);
        expect(queue).toEqual([]);
      },
    ),
    { numRuns: 2_000 },
  );
});

it('leaves an ioredis alone that is not the one it knows', () => {
  const stream = { listeners: () => [() => {}, () => {}] };
  expect(readReplies({ stream, commandQueue: {} } as unknown as Redis)).toBe(false);
});
