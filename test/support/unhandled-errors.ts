/**
 * Fails the test in which a connection has an error and no listener: ioredis prints it ("Unhandled error event"), and
 * such a connection in the product would print on a user's terminal.
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
