import { expect, it } from 'vitest';
import { infoNumber, parseInfo, replicasOf } from '../../../infra/redis/info.ts';

it('INFO is parsed into fields, numbers and replicas', () => {
  const info = parseInfo(
    '# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave0:ip=127.0.0.2,port=6379,state=online,offset=42,lag=1\r\n' +
      'slave1:ip=127.0.0.3,port=6379,state=online,offset=40,lag=0\r\nmaster_repl_offset:42\r\n',
  );
  expect(info.role).toBe('master');
  expect(infoNumber(info, 'master_repl_offset')).toBe(42);
  expect(infoNumber(info, 'absent')).toBeNull();
  expect(infoNumber(parseInfo('maxmemory:\r\n'), 'maxmemory')).toBeNull();
  expect(infoNumber(parseInfo('maxmemory:no limit\r\n'), 'maxmemory')).toBeNull();
  expect(infoNumber(parseInfo('maxmemory:0\r\n'), 'maxmemory')).toBe(0);
  expect(replicasOf(info).map(({ ip, offset }) => `${ip} ${offset}`)).toEqual([
    '127.0.0.2 42',
    '127.0.0.3 40',
  ]);
});
