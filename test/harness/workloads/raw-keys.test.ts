import { expect, it } from 'vitest';
import { encodePlaceholder } from '../../../client/codec/placeholder.ts';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { hasValue } from '../../../harness/workloads/raw-keys.ts';

it('an entry with a value is distinguished from a lease, and from bytes written by another program', () => {
  const holds = (bytes: Buffer): boolean => hasValue({ bytes });
  expect(holds(encodeEnvelope('value'))).toBe(true);
  expect(holds(encodeEnvelope(null))).toBe(true);
  expect(holds(encodePlaceholder('f'.repeat(16)))).toBe(false);
  expect(holds(Buffer.from('value'))).toBe(false);
});
