import { describe, expect, it } from 'vitest';
import {
  formatServer,
  isSupported,
  parseBanner,
  redisCompatibility,
  type ServerVersion,
} from '../../../infra/redis/server-version.ts';

const redis = (version: string): ServerVersion => ({ family: 'redis', version });
const valkey = (version: string): ServerVersion => ({ family: 'valkey', version });

describe('the version of a server', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=x', redis('7.0.15')],
    ['Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64 build=x', valkey('9.1.2')],
    ['redis-cli 7.0.15', undefined],
    ['', undefined],
  ])('is parsed from %j', (text, server) => {
    expect(parseBanner(text)).toEqual(server);
  });

  it('is the version of the fork point if Redis commands are compared', () => {
    expect(redisCompatibility(redis('7.0.15'))).toBe('7.0.15');
    expect(redisCompatibility(valkey('9.1.2'))).toBe('7.2.4');
  });

  it.each([
    [redis('6.2.14'), false],
    [redis('7.0.0'), true],
    [valkey('7.2.7'), false],
    [valkey('8.0.1'), true],
  ])('determines whether %j is supported', (server, supported) => {
    expect(isSupported(server)).toBe(supported);
  });

  it('is formatted with the name of its family', () => {
    expect(formatServer(valkey('8.0.1'))).toBe('Valkey 8.0.1');
  });
});
