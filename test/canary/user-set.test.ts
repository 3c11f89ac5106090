import { expect, it } from 'vitest';
import { UserSet } from '../../canary/metrics/user-set.ts';

it('a set of users stays bounded even if Redis never reports that it is full', () => {
  const users = new UserSet(100);
  for (let hash = 0; hash < 1_000; hash++) users.add(hash % 10 === 0 ? 'canary' : 'control', hash);
  users.resend();
  expect(users.take('canary').length + users.take('control').length).toBe(100);
});

it('a user is sent once, and again after resend', () => {
  const users = new UserSet(100);
  users.add('canary', 7);
  expect(users.take('canary')).toEqual([7]);
  users.add('canary', 7);
  expect(users.hasUnsent).toBe(false);
  users.resend();
  expect(users.take('canary')).toEqual([7]);
});
