/** The server of an environment: `redis.server`, `local.server`, `docker.image`. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../config/load.ts';
import { catchKitError } from '../support/kit-error.ts';

const noVariables = new Map();

describe('the server of an environment', () => {
  it.each(['redis@7.0', 'redis@8.2.1', 'valkey@8.0', 'valkey@9.0.1'])('may be %s', (server) => {
    const { redis } = loadEnvironment('dev', { 'redis.server': server }, noVariables);
    expect(redis.server).toBe(server);
  });

  it.each([
    'redis:8.2.1',
    'mirror.example:5000/library/redis:8.2.1-bookworm',
    `valkey/valkey@sha256:${'0'.repeat(64)}`,
    `valkey/valkey:9.0@sha256:${'0'.repeat(64)}`,
  ])('may come from the image %s', (image) => {
    const settings = { 'redis.server': 'redis@8.2', 'docker.image': image };
    expect(loadEnvironment('dev', settings, noVariables).docker.image).toBe(image);
  });

  it('may be a path relative to the working directory, or a name in PATH', () => {
    const program = (server: string) =>
      loadEnvironment('dev', { 'local.server': server }, noVariables).local?.server;
    expect(program('./bin/redis-server')).toBe(join(process.cwd(), 'bin/redis-server'));
    expect(program('valkey-server')).toBe('valkey-server');
    expect(loadEnvironment('dev', {}, noVariables).local).toBeUndefined();
  });

  it.each([
    [
      { 'redis.server': 8.2 },
      "must be redis@ or valkey@ with a version, such as redis@8.2 or valkey@9.0.1, got '8.2'",
    ],
    [{ 'redis.server': 'redis@8' }, "got 'redis@8'"],
    [{ 'redis.server': 'redis@6.2' }, "must be Redis 7.0 or newer, or Valkey 8.0 or newer, got 'redis@6.2'"],
    [{ 'redis.server': 'valkey@7.2.5' }, "or Valkey 8.0 or newer, got 'valkey@7.2.5'"],
    [
      { 'docker.image': 'redis:8.2.1' },
      "requires redis.server, the server in 'redis:8.2.1', such as redis@8.2",
    ],
    [
      { 'docker.image': 'redis' },
      "must be an image with a tag or a digest, such as redis:8.2.1-bookworm, got 'redis'",
    ],
    [{ 'docker.image': 'mirror:5000/redis' }, "got 'mirror:5000/redis'"],
  ])('is rejected if no substrate can run it: %j', (flags, reason) => {
    expect(catchKitError(() => loadEnvironment('dev', flags, noVariables)).message).toContain(reason);
  });
});
