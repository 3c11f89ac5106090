/** Handling of docker command output. A script replaces `docker`, because no engine produces all of these outputs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { dockerChecks } from '../../../../infra/substrates/docker/doctor.ts';
import {
  docker,
  engineTrouble,
  imageExists,
  inspectContainers,
  inspectReachable,
  labelledIds,
  listLabelled,
} from '../../../../infra/substrates/docker/engine.ts';
import { lockImages } from '../../../../infra/substrates/docker/images-lock.ts';
import {
  BASE_ROLES,
  IMAGE_ROLES,
  MONITORING_ROLES,
  PUBLISHED,
} from '../../../../infra/substrates/docker/published-images.ts';
import { SSH_CONNECTIONS } from '../../../../infra/substrates/docker/ssh-connections.ts';
import { temporaryStateDir } from '../local/fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());
afterEach(() => vi.unstubAllEnvs());

/** Installs the given shell script as `docker`. */
function engine(script: string): void {
  const bin = join(state.path, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env.PATH}`);
}
const saying = (words: string) => engine(`echo "${words}" >&2; exit 1`);

it.each([
  [
    'DOCKER_PERMISSION',
    'unix:///run/docker.sock',
    'permission denied while trying to connect to the Docker daemon socket at unix:///run/docker.sock: Get',
  ],
  [
    'DOCKER_NO_ENGINE',
    'unix:///nowhere.sock',
    'Cannot connect to the Docker daemon at unix:///nowhere.sock. Is the docker daemon running?',
  ],
  ['DOCKER_NO_ENGINE', 'tcp://10.0.0.1:2375', 'error during connect: Get tcp://10.0.0.1:2375/v1.41: EOF'],
  ['DOCKER_NO_ENGINE', 'the default socket', 'dial: connection refused'],
])('the error of an unusable engine has the code %s, with the address %s', (code, where, stderr) => {
  expect(engineTrouble(stderr)).toMatchObject({ code, where });
});

it('a reachable engine is not reported as unreachable, whatever its error text says', () => {
  expect(
    engineTrouble('Error response from daemon: dial tcp 127.0.0.1:443: connection refused'),
  ).toBeUndefined();
  expect(engineTrouble('Error: No such container: x')).toBeUndefined();
});

it('the error of a failed command contains the last output of the engine, and the command', async () => {
  saying('noise\nError: No such network: x');
  await expect(docker(['network', 'rm', 'x'])).rejects.toMatchObject({
    code: 'DOCKER_FAILED',
    message: 'docker network failed: Error: No such network: x',
    where: 'docker network rm x',
    exitCode: 1,
  });
});

it('an empty result is valid: no containers, no labels, or no image', async () => {
  engine('case "$*" in *inspect*) exit 1 ;; esac');
  expect((await inspectContainers([])).size).toBe(0);
  expect((await inspectContainers(['x'])).size).toBe(0);
  expect(await listLabelled('volume', 'a=b')).toEqual([]);
  expect(await labelledIds('container', 'a=b')).toEqual([]);
  expect(await imageExists('x')).toBe(false);
});

it('networks with the same name are distinguished by their ids', async () => {
  engine('echo "1a kit-x-data"; echo "2b kit-x-data"');
  expect(await labelledIds('network', 'a=b')).toEqual([
    { kind: 'network', id: '1a', name: 'kit-x-data' },
    { kind: 'network', id: '2b', name: 'kit-x-data' },
  ]);
});

it('the number of connections to one ssh server is limited, as sshd does by default', async () => {
  const log = join(state.path, 'connections');
  // Each command waits until as many as allowed run at the same time.
  const enough = `[ "$(grep -c '^1' ${log})" -ge ${SSH_CONNECTIONS} ]`;
  engine(`echo 1 >>${log}; until ${enough}; do sleep 0.05; done; sleep 0.1; echo -1 >>${log}`);
  const call = (url: string) => docker(['info'], { engine: { host: 'b', url } });
  await Promise.all(Array.from({ length: 3 * SSH_CONNECTIONS }, () => call('ssh://kit@10.0.0.12')));
  const steps = readFileSync(log, 'utf8').trim().split('\n').map(Number);
  const open = steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + step));
  expect(steps).toHaveLength(6 * SSH_CONNECTIONS);
  expect(Math.max(...open)).toBe(SSH_CONNECTIONS);
});

it('a failed connection to an ssh server gives its place to the next one', async () => {
  saying('no');
  const call = () => docker(['info'], { engine: { host: 'b', url: 'ssh://kit@10.0.0.13' } });
  const calls = Array.from({ length: 2 * SSH_CONNECTIONS }, () =>
    call().catch((error: Error) => error.message),
  );
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['docker info failed: no']));
});

it('an engine that did not answer is not asked again for a moment, and no other engine is affected', async () => {
  const log = join(state.path, 'asked');
  engine(`echo "$2" >>${log}
    case "$2" in *lost*) echo "Cannot connect to the Docker daemon at $2." >&2; exit 1 ;; *) echo '[]' ;; esac`);
  const places = ['lost', 'other'].map((host) => ({
    container: 'x',
    engine: { host, url: `unix:///${host}.sock` },
  }));
  for (let i = 0; i < 3; i += 1) {
    const { unreachable } = await inspectReachable(places);
    expect(unreachable.map(({ host }) => host)).toEqual(['lost']);
  }
  const asked = readFileSync(log, 'utf8').trim().split('\n').sort();
  expect(asked).toEqual(['unix:///lost.sock', ...Array(3).fill('unix:///other.sock')]);
});

const ENGINE = 'version) echo 20.10.24 ;; container) echo kit-dev-redis-1 ;;';

it('the doctor lists existing images, and images that the first deploy pulls from a reachable registry', async () => {
  engine(`case "$1" in ${ENGINE} manifest) ;; *) exit 1 ;; esac`);
  const checks = new Map((await dockerChecks(state.path)).map((check) => [check.id, check]));
  expect(checks.get('docker-engine')).toMatchObject({ state: 'ok', found: 'Docker 20.10.24' });
  expect(checks.get('containers')?.found).toContain('kit-dev-redis-1');
  for (const role of IMAGE_ROLES) {
    expect(checks.get(`image-${role}`)).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('pulled at the first deploy'),
    });
  }
});

it('the doctor fails if an image is missing and no registry provides it, unless few environments use it', async () => {
  engine(
    `case "$1" in ${ENGINE} manifest) echo "lookup registry: no such host" >&2; exit 1 ;; *) exit 1 ;; esac`,
  );
  const checks = await dockerChecks(state.path);
  const images = checks.filter(({ id }) => id.startsWith('image-'));
  expect(images.map(({ id, state }) => [id, state])).toEqual([
    ...BASE_ROLES.map((role) => [`image-${role}`, 'fail']),
    ...MONITORING_ROLES.map((role) => [`image-${role}`, 'warn']),
  ]);
  for (const check of images) {
    expect(check).toMatchObject({
      found: expect.stringContaining('or in a registry: lookup registry: no such host'),
      remedy: 'kit images build',
    });
  }
});

it('the doctor queries a plain HTTP registry over plain HTTP', async () => {
  const plain =
    'case "$*" in *--insecure*) ;; *) echo "server gave HTTP response to HTTPS client" >&2; exit 1 ;; esac';
  engine(`case "$1" in ${ENGINE} manifest) ${plain} ;; *) exit 1 ;; esac`);
  const checks = await dockerChecks(state.path);
  const available = checks.filter(({ id, state }) => id.startsWith('image-') && state === 'ok');
  expect(available).toHaveLength(IMAGE_ROLES.length);
});

it('the doctor names an image lock that cannot be used', async () => {
  engine('case "$1" in version) echo 20.10.24 ;; container) ;; *) exit 1 ;; esac');
  const lock = join(state.path, 'images.lock.json');
  writeFileSync(lock, '{}');
  vi.stubEnv('KIT_IMAGES_LOCK', lock);
  const checks = await dockerChecks(state.path);
  expect(checks.find(({ id }) => id === 'images')).toMatchObject({ state: 'fail' });
  expect(checks.find(({ id }) => id === 'containers')?.found).toBe('no container of the kit');
});

it('no image is locked if a registry returns no digest, or is unreachable', async () => {
  vi.stubEnv('KIT_IMAGES_LOCK', join(state.path, 'none.json'));
  engine('case "$1" in pull) ;; *) echo null ;; esac');
  await expect(lockImages()).rejects.toMatchObject({
    code: 'IMAGES_NOT_RESOLVED',
    message: expect.stringContaining('returned no digest'),
  });
  saying('Error response from daemon: Get registry: connection refused');
  await expect(lockImages({ signal: new AbortController().signal })).rejects.toMatchObject({
    code: 'IMAGES_NOT_RESOLVED',
    message: expect.stringContaining('connection refused'),
  });
});

it('the lock leaves out the images of Prometheus if the registry lacks them, and keeps them if they were locked', async () => {
  vi.stubEnv('KIT_IMAGES_LOCK', join(state.path, 'images.lock.yaml'));
  const registry = (pull: string) =>
    engine(`case "$1" in
      pull) ${pull} ;;
      image) echo "[\\"\${5%:*}@sha256:${'a'.repeat(64)}\\"]" ;;
      run) echo 'Redis server v=8.2.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1' ;;
    esac`);
  const lines: string[] = [];
  const lock = async () => (await lockImages({ progress: (line) => lines.push(line) })).images;
  const lacking = 'case "$3" in prom/*) echo "not found" >&2; exit 1 ;; esac';
  registry(lacking);
  expect(Object.keys(await lock())).toEqual([...BASE_ROLES]);
  for (const role of MONITORING_ROLES)
    expect(lines).toContain(`${PUBLISHED[role]}: not locked, needed for observability.prometheus: not found`);
  registry(':');
  const all = await lock();
  expect(Object.keys(all)).toEqual([...IMAGE_ROLES]);
  registry(lacking);
  expect(await lock()).toEqual(all);
});
