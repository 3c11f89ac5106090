import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf } from '../../../harness/history/lines.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { catchKitError } from '../../support/kit-error.ts';

const refuse = (number: number): never => {
  throw new Error(`line ${number} is too long`);
};

/** Pieces in one reused buffer, as when a file is read: each piece is overwritten by the next one. */
function* piecesOf(content: Uint8Array, size: number): Generator<Uint8Array> {
  const piece = Buffer.alloc(size);
  for (let from = 0; from < content.length; from += size) {
    const part = content.subarray(from, from + size);
    piece.fill(0xff);
    piece.set(part);
    yield piece.subarray(0, part.length);
  }
}

const textsOf = (content: string | Iterable<Uint8Array>) =>
  [...linesOf(content, 1_000, refuse)].map(({ text, number, isComplete }) => [text, number, isComplete]);

describe('linesOf', () => {
  it('returns the lines of the entire text, regardless of where it is cut into pieces', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', '"', '\n', '\r', 'ß', '€', '😀'), maxLength: 60 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 70 }), (text, size) => {
        const lines = text.split('\n');
        const expected = lines
          .map((line, i) => [line, i + 1, i < lines.length - 1])
          .filter(([line, , isComplete]) => isComplete || line !== '');
        expect(textsOf(text)).toEqual(expected);
        expect(textsOf(piecesOf(Buffer.from(text), size))).toEqual(expected);
      }),
    );
  });

  it('decodes broken UTF-8 in pieces exactly as it decodes it in the entire file', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 41 }), (content, size) => {
        expect(textsOf(piecesOf(content, size))).toEqual(textsOf(Buffer.from(content).toString('utf8')));
      }),
    );
  });

  it('refuses a line that is too long before decoding it', () => {
    const content = Buffer.from(`short\n${'x'.repeat(2_000)}`);
    expect(() => textsOf(piecesOf(content, 16))).toThrow('line 2 is too long');
  });
});

it('parseHistory reports the same errors for pieces as for the entire text', () => {
  const ok = '{"type":"ok","client":"kit","op":1,"atUs":3}';
  const invoke = '{"type":"invoke","client":"kit","op":1,"kind":"get","key":"k","intendedUs":1,"atUs":1}';
  const texts = [
    [ok, invoke],
    [invoke, ok, ok],
    [invoke, ok, '{"type":'],
    [invoke, invoke, '{"type":"done"}'],
    [invoke, ok, '', ok],
  ].map((lines) => `${lines.join('\n')}\n`);
  for (const text of texts) {
    const whole = catchKitError(() => parseHistory([{ path: 'kit.jsonl', text }]));
    for (const size of [1, 7, 64, 4_096]) {
      const pieces = piecesOf(Buffer.from(text), size);
      const inPieces = catchKitError(() => parseHistory([{ path: 'kit.jsonl', pieces }]));
      expect([inPieces.code, inPieces.where, inPieces.message]).toEqual([
        whole.code,
        whole.where,
        whole.message,
      ]);
    }
  }
});

it('parseHistory reports a broken line before inconsistent operations in the same file', () => {
  const ok = '{"type":"ok","client":"kit","op":1,"atUs":3}';
  const error = catchKitError(() => parseHistory([{ path: 'kit.jsonl', text: `${ok}\n{"type":"done"}\n` }]));
  expect([error.where, error.message]).toEqual([
    'kit.jsonl:2',
    expect.stringContaining("'done' is not an event type"),
  ]);
});
