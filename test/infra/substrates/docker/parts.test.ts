/**
 * Parts of the Docker substrate that need no engine: the owner process of an environment, settings, a machine without
 * programs, and a remote backend.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { App } from 'cdktf';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { identify, ownProcess } from '../../../../infra/host/process-identity.ts';
import { dockerChecks } from '../../../../infra/substrates/docker/doctor.ts';
import {
  ownerProcessState,
  recordOwnerProcess,
  removeOwnerProcess,
} from '../../../../infra/substrates/docker/owner-process.ts';
import { dockerSettings } from '../../../../infra/substrates/docker/settings.ts';
import {
  idsIn,
  isStateEmpty,
  outputsIn,
  readState,
  restoreTruncatedState,
  stateFile,
} from '../../../../infra/substrates/docker/state.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { addEnvironment } from '../../../../infra/substrates/docker/synthesis.ts';
import { replaceContainer } from '../../../../infra/substrates/docker/terraform.ts';
import { terraformProgram } from '../../../../infra/substrates/docker/terraform-cli.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());
afterEach(() => vi.unstubAllEnvs());

it('the owner process of an environment is classified as absent, own, running or ended', async () => {
  const file = join(state.path, 'docker', 'mine', 'owner.json');
  const owner = (record: unknown) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof record === 'string' ? record : JSON.stringify(record));
    return ownerProcessState(state.path, 'mine');
  };
  expect(await ownerProcessState(state.path, 'mine')).toBe('none');
  await recordOwnerProcess(state.path, 'mine');
  expect(await ownerProcessState(state.path, 'mine')).toBe('own');
  removeOwnerProcess(state.path, 'mine');
  expect(await ownerProcessState(state.path, 'mine')).toBe('none');
  const own = await ownProcess();
  expect(await owner(await identify(process.ppid))).toBe('alive');
  expect(await owner({ ...own, start: 'another start time' })).toBe('gone');
  // The same number of clock ticks since a different boot identifies a different process.
  expect(await owner({ ...own, start: own.start.replace(/@.*/, '@another') })).toBe('gone');
  expect(await owner({ pid: 2 ** 30, start: '1' })).toBe('gone');
  // Without a start time, a process with this pid may be the owner, so the owner counts as alive.
  expect(await owner({ pid: process.ppid, start: 'unknown' })).toBe('alive');
});

it('an owner process with a damaged record is not treated as ended', async () => {
  const file = join(state.path, 'docker', 'mine', 'owner.json');
  for (const record of ['', '{"pid":', '{"pid":1}', '{"pid":1,"startTime":"1"}']) {
    writeFileSync(file, record);
    await expect(ownerProcessState(state.path, 'mine')).rejects.toMatchObject({ code: 'STATE_UNREADABLE' });
  }
  removeOwnerProcess(state.path, 'mine');
});

it('settings are read from variables, with defaults', () => {
  const given = (entries: Record<string, string>) =>
    dockerSettings(
      new Map(Object.entries(entries).map(([key, text]) => [key, { text, origin: 'variable' }])),
    );
  expect(given({})).toMatchObject({ stacks: undefined, allowDestroy: undefined, ordered: false });
  const all = { KIT_STACKS: 'dev, ./mine.yaml', KIT_ALLOW_DESTROY: 'dev' };
  expect(given(all)).toMatchObject({
    stacks: ['dev', './mine.yaml'],
    allowDestroy: 'dev',
    ordered: false,
  });
  expect(given({ TF_CLI_ARGS_apply: '-parallelism=1' }).ordered).toBe(true);
  expect(given({ TF_CLI_ARGS: '-no-color -parallelism=2' }).ordered).toBe(true);
});

it('doctor and deploy report that Docker and Terraform are missing, and what to install', async () => {
  vi.stubEnv('PATH', '/nowhere');
  vi.stubEnv('TERRAFORM_BINARY_NAME', '');
  const checks = await dockerChecks(state.path);
  const failed = checks.filter((check) => check.state === 'fail');
  expect(failed.map(({ id }) => id)).toEqual(['docker-engine', 'terraform']);
  for (const { remedy } of failed) expect(remedy).toContain('install');
  await expect(dockerSubstrate({ stateDir: state.path }).destroy('synth')).rejects.toMatchObject({
    code: 'DOCKER_NOT_FOUND',
  });
  vi.stubEnv('TERRAFORM_BINARY_NAME', 'tofu');
  expect(await terraformProgram()).toBe('tofu');
  expect((await dockerChecks(state.path)).find(({ id }) => id === 'terraform')).toMatchObject({
    state: 'fail',
    found: expect.stringContaining("'tofu' (TERRAFORM_BINARY_NAME)"),
  });
});

it('a configured remote backend replaces the local state', async () => {
  const backend = { type: 's3', settings: { bucket: 'states', key: 'kit' } };
  const config = environmentSchema.parse({ ...configuration('remote'), docker: { backend } });
  const app = new App({ outdir: join(state.path, 'out') });
  await addEnvironment(app, config, { stateDir: state.path, allowDestroy: undefined, ordered: false });
  // Synthesises like the command line, which makes cdktf add a local backend if it finds none.
  app.synth();
  const text = readFileSync(join(app.outdir, 'stacks', 'remote', 'cdk.tf.json'), 'utf8');
  expect(JSON.parse(text).terraform.backend).toEqual({ s3: backend.settings });
});

it('an undeployed environment has no outputs, owns nothing and replaces nothing', async () => {
  const config = configuration('nothing');
  const nothing = await readState(config, { stateDir: state.path });
  expect(outputsIn(nothing)).toBeUndefined();
  expect(idsIn(nothing).size).toBe(0);
  await expect(
    replaceContainer(config, 'kit-nothing-redis-1', { stateDir: state.path }),
  ).rejects.toMatchObject({
    code: 'CONTAINER_UNKNOWN',
  });
});

it('a deploy counts as the first one only if the local state proves it', () => {
  const config = configuration('first');
  const file = join(state.path, 'docker', 'first', 'terraform.tfstate');
  const lock = join(file, '..', '.terraform.tfstate.lock.info');
  const first = () => isStateEmpty(config, state.path);
  mkdirSync(join(file, '..'), { recursive: true });
  expect(first()).toBe(true);
  const texts = {
    '{"resources":[]}': true,
    // State left behind by a destroy with an earlier version.
    '{"outputs":{"tls":{"value":false}},"resources":[]}': true,
    '{"resources":[{"type":"docker_network","name":"data","instances":[]}]}': false,
    '{"resources":[{"type":"docker_n': false,
    '': false,
  };
  for (const [text, expected] of Object.entries(texts)) {
    writeFileSync(file, text);
    expect(first(), text).toBe(expected);
    // A lock file that another process is still writing.
    writeFileSync(lock, '{}');
    expect(first(), `locked ${text}`).toBe(false);
    rmSync(lock);
  }
  const backend = { type: 'http', settings: { address: 'http://127.0.0.1:1' } };
  expect(isStateEmpty({ name: 'first', docker: { ...config.docker, backend } }, state.path)).toBe(false);
});

it('a truncated state is moved aside, and replaced by the previous state if there is one', async () => {
  const config = configuration('cut');
  const file = join(state.path, 'docker', 'cut', 'terraform.tfstate');
  const whole = JSON.stringify({ resources: [{ instances: [{ attributes: { id: 'kept' } }] }] });
  mkdirSync(join(file, '..'), { recursive: true });
  expect(restoreTruncatedState(config, state.path)).toBeUndefined();
  writeFileSync(file, whole);
  expect(restoreTruncatedState(config, state.path)).toBeUndefined();

  writeFileSync(file, whole.slice(0, 20));
  const lock = join(file, '..', '.terraform.tfstate.lock.info');
  writeFileSync(lock, '{}');
  expect(restoreTruncatedState(config, state.path)).toBeUndefined();
  await expect(readState(config, { stateDir: state.path })).rejects.toMatchObject({
    code: 'STATE_UNREADABLE',
  });
  rmSync(lock);
  writeFileSync(`${file}.backup`, whole);
  expect(restoreTruncatedState(config, state.path)).toBe(`${file}.broken`);
  expect(readFileSync(`${file}.broken`, 'utf8')).toBe(whole.slice(0, 20));
  expect([...idsIn(await readState(config, { stateDir: state.path }))]).toEqual(['kept']);

  writeFileSync(file, '{');
  writeFileSync(`${file}.backup`, '{');
  expect(restoreTruncatedState(config, state.path)).toBe(`${file}.broken`);
  expect(await readState(config, { stateDir: state.path })).toEqual({});
});

it('the backend determines whether the state is a file', () => {
  const of = (backend: unknown) =>
    stateFile(
      environmentSchema.parse({ ...configuration('where'), docker: backend ? { backend } : {} }),
      state.path,
    );
  expect(of(undefined)).toBe(join(state.path, 'docker', 'where', 'terraform.tfstate'));
  expect(of({ type: 'local', settings: { path: '/states/where' } })).toBe('/states/where');
  expect(of({ type: 's3', settings: { bucket: 'states', path: 'where' } })).toBeUndefined();
});
