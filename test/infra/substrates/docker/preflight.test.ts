import { expect, it } from 'vitest';
import { parsePorts, subnetsOverlap } from '../../../../infra/substrates/docker/preflight.ts';

it.each([
  ['', []],
  ['6379/tcp', []],
  ['127.0.0.1:6379->6379/tcp', [{ host: '127.0.0.1', port: 6379 }]],
  [
    '0.0.0.0:7000-7001->7000-7001/tcp, :::7000-7001->7000-7001/tcp',
    [
      { host: '0.0.0.0', port: 7000 },
      { host: '0.0.0.0', port: 7001 },
      { host: '::', port: 7000 },
      { host: '::', port: 7001 },
    ],
  ],
])('docker ps prints %j for the published ports %j', (text, expected) => {
  expect(parsePorts(text)).toEqual(expected);
});

it.each([
  ['10.96.1.0/24', '10.96.1.0/24', true],
  ['10.96.0.0/16', '10.96.1.0/24', true],
  ['10.96.1.128/25', '10.96.1.0/24', true],
  ['10.96.2.0/24', '10.96.1.0/24', false],
  ['fd00::/64', '10.96.1.0/24', false],
  ['', '10.96.1.0/24', false],
])('the subnets %s and %s overlap: %s', (one, other, expected) => {
  expect(subnetsOverlap(one, other)).toBe(expected);
  expect(subnetsOverlap(other, one)).toBe(expected);
});
