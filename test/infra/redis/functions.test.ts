/** Loading the client's function library when a master accepts no writes. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { functionLibrary, loadFunctions } from '../../../infra/redis/functions.ts';
import { RedisProcess } from '../../support/redis-process.ts';

it.each([
  ['NOREPLICAS', 'min-replicas-to-write 1'],
  ['OOM', 'maxmemory 1'],
])('the error of a rejected function load names the node and the reply: %s', async (reply, directive) => {
  await using redis = await RedisProcess.start({ conf: [directive] });
  await expect(loadFunctions(['redis-1'], async () => redis.admin())).rejects.toMatchObject({
    code: 'FUNCTIONS_REFUSED',
    message: expect.stringMatching(new RegExp(`^redis-1 rejects the client's function library: ${reply} `)),
    hint: expect.stringContaining('kit status'),
  });
});

it('the script of a container expects the current name of the library', () => {
  const script = readFileSync('infra/substrates/docker/image/node.sh', 'utf8');
  const [, read] = /library=\$\((sed .*) \/kit\/redis_cache_kit\.lua\)/.exec(script) ?? [];
  const name = execFileSync('sh', ['-c', read ?? 'false'], { input: functionLibrary(), encoding: 'utf8' });
  expect(functionLibrary()).toMatch(new RegExp(`^#!lua name=${name.trim()}\n`));
  expect(script).toContain('"$library") loaded=yes');
});
