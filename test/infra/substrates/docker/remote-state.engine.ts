/** A configured remote state: every reader uses the backend, and no part of the state remains on this machine. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { LABEL } from '../../../../infra/substrates/docker/plan.ts';
import { idsIn, outputsIn, readState } from '../../../../infra/substrates/docker/state.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { deploy } from '../../../../infra/substrates/docker/terraform.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { type StateServer, startStateServer } from '../../../support/state-server.ts';
import { describeOnEngine, engineStateDir } from './fixtures.ts';

const NAME = 'elsewhere';
const PASSWORD = 'a-password-of-the-backend';
const state = engineStateDir();
const substrate = dockerSubstrate({ stateDir: state.path });
let temporary: string;
let server: StateServer;
let config: EnvironmentConfig;

async function traces(): Promise<readonly string[]> {
  const kinds = ['container', 'volume', 'network'] as const;
  const label = `${LABEL.environment}=${NAME}`;
  return (await Promise.all(kinds.map((kind) => listLabelled(kind, label)))).flat();
}

describeOnEngine('a state in a remote backend', () => {
  beforeAll(async () => {
    vi.stubEnv('TF_HTTP_USERNAME', 'kit');
    vi.stubEnv('TF_HTTP_PASSWORD', PASSWORD);
    temporary = mkdtempSync(join(tmpdir(), 'kit-test-'));
    vi.stubEnv('TMPDIR', temporary);
    server = await startStateServer(`kit:${PASSWORD}`);
    const { address } = server;
    const settings = { address, lock_address: address, unlock_address: address };
    const ports = { redis: 29_000, exporter: 29_020, commander: 29_021 };
    const docker = { ports, backend: { type: 'http', settings } };
    config = environmentSchema.parse({ ...loadEnvironment('single'), name: NAME, docker });
  });

  afterAll(async () => {
    await substrate.destroy(NAME);
    await server.close();
    vi.unstubAllEnvs();
    rmSync(temporary, { recursive: true, force: true });
    state[Symbol.dispose]();
  });

  it('a remote state is written by a deploy under its lock, and read back', async () => {
    expect(outputsIn(await readState(config, { stateDir: state.path }))).toBeUndefined();
    const environment = await substrate.apply(planTopology(config), { ephemeral: false });
    await environment[Symbol.asyncDispose]();
    expect(server.locks).toBeGreaterThan(0);
    expect(JSON.parse(server.state()).resources.length).toBeGreaterThan(5);
    expect(existsSync(join(state.path, 'docker', NAME, 'terraform.tfstate'))).toBe(false);
    const read = await readState(config, { stateDir: state.path });
    expect(outputsIn(read)).toMatchObject({ environment: NAME, mode: 'standalone' });
    expect(idsIn(read).size).toBeGreaterThan(5);
    expect((await substrate.plan(planTopology(config))).map(({ action }) => action)).toEqual(['keep']);
  });

  it('a remote state takes its credentials from variables, so they are not in the synthesised text', () => {
    const text = readFileSync(join(state.path, 'cdktf.out/stacks', NAME, 'cdk.tf.json'), 'utf8');
    expect(text).toContain(server.address);
    expect(text).not.toContain(PASSWORD);
  });

  it('a remote state with a foreign lock leads to one clear error, and nothing changes', async () => {
    const before = server.state();
    const giveBack = server.lock();
    await expect(deploy(config, { stateDir: state.path })).rejects.toMatchObject({ code: 'STATE_LOCKED' });
    giveBack();
    expect(server.state()).toBe(before);
  });

  it('a remote state that denies access leads to one clear error with the required variables', async () => {
    vi.stubEnv('TF_HTTP_PASSWORD', 'another');
    await expect(readState(config, { stateDir: state.path })).rejects.toMatchObject({
      code: 'STATE_UNREADABLE',
      where: "backend 'http'",
      hint: expect.stringContaining('TF_HTTP_PASSWORD'),
    });
    vi.stubEnv('TF_HTTP_PASSWORD', PASSWORD);
  });

  it('a remote state is empty after a destroy, which leaves no part on the engine and no temporary file', async () => {
    await substrate.destroy(NAME);
    expect(JSON.parse(server.state())).toMatchObject({ resources: [], outputs: {} });
    expect(await traces()).toEqual([]);
    expect(readdirSync(temporary).filter((name) => name !== 'node-compile-cache')).toEqual([]);
  });
});
