import { afterEach } from 'vitest';

/**
 * Ends, after each test, everything that the test opened, in reverse order. Must be called at the top of a test file.
 */
export function endAfterEachTest() {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return {
    ends,
    closeAfterTest<T extends { close(): Promise<unknown> }>(opened: T): T {
      ends.push(() => opened.close());
      return opened;
    },
  };
}
