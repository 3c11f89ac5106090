/** An engine that is reached over ssh, and the errors of connections that fail: each names the host and the remedy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, inject, it, vi } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { docker, engineVersion } from '../../../../infra/substrates/docker/engine.ts';
import type { Engine } from '../../../../infra/substrates/docker/engines.ts';
import { type FurtherHost, HostNetwork } from '../../../support/further-host.ts';
import { callKit } from '../../../support/kit-call.ts';
import { missingSshServer } from '../../../support/ssh-server.ts';
import { type StateDir, temporaryStateDir } from '../local/fixtures.ts';
import { configuration, describeWith } from './fixtures.ts';

describeWith('an engine at ssh://', inject('missing').engine || missingSshServer(), () => {
  let state: StateDir;
  let network: HostNetwork;
  let host: FurtherHost;
  let engine: Engine;

  beforeAll(async () => {
    expect(process.getuid?.(), 'network namespaces require root').toBe(0);
    state = temporaryStateDir();
    network = await HostNetwork.create('kitssh', '10.203.78');
    host = await network.start('b', 2, 'ssh');
    engine = { host: 'b', url: host.ssh.url };
    vi.stubEnv('PATH', host.ssh.searchPath);
    vi.stubEnv('KIT_STATE_DIR', state.path);
  });
  beforeEach(() => host.ssh.setUser({}));
  afterAll(async () => {
    vi.unstubAllEnvs();
    await network?.[Symbol.asyncDispose]();
    state?.[Symbol.dispose]();
  });

  it('is the engine of the host', async () => {
    const dataOf = (on?: Engine) => docker(['info', '--format', '{{.DockerRootDir}}'], { engine: on });
    expect(await engineVersion(engine)).toMatch(/^\d+\.\d+/);
    expect(await dataOf(engine)).toContain('kit-host-');
    expect(await dataOf()).not.toContain('kit-host-');
  });

  it('is not used if the key of the host is unknown, and the key is not accepted', async () => {
    host.ssh.setUser({ knownKey: 'none' });
    await expect(engineVersion(engine)).rejects.toMatchObject({
      code: 'DOCKER_SSH_HOST_KEY',
      message: "host 'b': its ssh host key is not in known_hosts",
      where: engine.url,
      hint: expect.stringContaining('ssh -p 2222 root@10.203.78.2'),
    });
    expect(host.ssh.knownHosts).toBe('');
  });

  it('is not used if the key of the host has changed', async () => {
    host.ssh.setUser({ knownKey: 'other_key' });
    await expect(engineVersion(engine)).rejects.toMatchObject({
      code: 'DOCKER_SSH_HOST_KEY',
      message: "host 'b': its ssh host key differs from the key in known_hosts",
      hint: expect.stringContaining("ssh-keygen -R '[10.203.78.2]:2222'"),
    });
  });

  it('denies a user whose key the host does not accept', async () => {
    host.ssh.setUser({ userKey: 'other_key' });
    await expect(engineVersion(engine)).rejects.toMatchObject({
      code: 'DOCKER_SSH_DENIED',
      message: "host 'b': its ssh server denies access to user 'root'",
      hint: expect.stringContaining('authorized_keys'),
    });
  });

  it('is named by kit up with the reason and the remedy, before anything is deployed', async () => {
    host.ssh.setUser({ userKey: 'other_key' });
    const file = join(state.path, 'hosts.yaml');
    // Both are the main engine, so that only the host over ssh has an error.
    const other = (name: string, octet: number, engine: string) => ({
      ...{ name, address: `10.203.78.${octet}`, engine },
    });
    const others = [other('a', 3, 'unix:///var/run/docker.sock'), other('c', 4, 'unix:///run/docker.sock')];
    const hosts = [host.setting, ...others];
    writeFileSync(file, JSON.stringify(environmentSchema.parse({ ...configuration('overssh'), hosts })));
    const { err, exitCode } = await callKit('up', '--env', file, '--substrate', 'docker');
    expect(err).toContain("host 'b': its ssh server denies access to user 'root'");
    expect(err).toContain('ssh -o BatchMode=yes -p 2222 root@10.203.78.2 docker version');
    expect(exitCode).not.toBe(0);
  });

  it('is unreachable if the engine has stopped, and the error names the command that shows the reason', async () => {
    await host.endEngine();
    await expect(engineVersion(engine)).rejects.toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      message: expect.stringContaining("the Docker engine of host 'b' is not reachable"),
      hint: expect.stringContaining('ssh -p 2222 root@10.203.78.2 docker version'),
    });
  });

  it('is unreachable if the ssh server has stopped', async () => {
    await host.ssh[Symbol.asyncDispose]();
    await expect(engineVersion(engine)).rejects.toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      message: expect.stringContaining(
        "the Docker engine of host 'b' is not reachable: ssh: connect to host",
      ),
    });
  });
});
