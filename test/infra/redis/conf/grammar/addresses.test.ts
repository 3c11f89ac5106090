import { describe, expect, it } from 'vitest';
import { isIpv6, isStrictIpv4, parseAddress } from '../../../../../infra/redis/conf/grammar/addresses.ts';

describe('an address', () => {
  it.each<readonly [string, string | undefined]>([
    ['127.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['010.0.0.1', '8.0.0.1'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['fd00::a:1', 'fd00:0:0:0:0:0:a:1'],
    ['::ffff:127.0.0.1', '0:0:0:0:0:ffff:7f00:1'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1%eth0'],
    ...[
      '127.0.0.300',
      '1.2.3.4.5',
      '1.2.3.',
      '',
      'localhost',
      '::g',
      '1::2::3',
      '[::1]',
      '1:2:3',
      '09.0.0.1',
    ].map((text) => [text, undefined] as const),
  ])('%j is parsed as %s', (text, address) => {
    expect(parseAddress(text)).toBe(address);
  });

  it('is parsed strictly if the server uses inet_pton', () => {
    expect(['1.2.3.4', '127.1', '01.2.3.4', '1.2.3.4.'].map(isStrictIpv4)).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(['::1', '1.2.3.4', '::1%lo'].map(isIpv6)).toEqual([true, false, false]);
  });
});
