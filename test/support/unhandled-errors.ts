/**
 * Fails a test in which a connection has an error and no listener. ioredis prints such an error ("Unhandled error
 * event"), and in the product it would appear on a user's terminal.
 */
import { afterAll, afterEach, expect } from 'vitest';

const UNHANDLED = '[ioredis] Unhandled error event';

const seen: string[] = [];
const print = console.error;
console.error = (...words: unknown[]) => {
  if (String(words[0]).startsWith(UNHANDLED)) seen.push(words.join(' '));
  print(...words);
};

const expectNone = () => expect(seen.splice(0), 'connections without an error listener').toEqual([]);
afterEach(expectNone);
afterAll(expectNone);
