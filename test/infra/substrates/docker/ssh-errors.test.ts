/** Errors of ssh in the output of the docker command, as recorded with docker 28.2 and OpenSSH 9.2. */
import { describe, expect, it } from 'vitest';
import { engineTrouble } from '../../../../infra/substrates/docker/engine.ts';
import { unreachableEngine } from '../../../../infra/substrates/docker/engines.ts';
import { sshTarget } from '../../../../infra/substrates/docker/ssh-target.ts';
import { explainTerraformError } from '../../../../infra/substrates/docker/terraform-errors.ts';

const engine = { host: 'b', url: 'ssh://kit@10.0.0.12:2222' };
const fromDocker = (output: string, status = 255) =>
  `error during connect: Get "http://docker.example.com/v1.50/version": command [ssh -o ConnectTimeout=30 -T -l kit -p 2222 -- 10.0.0.12 docker system dial-stdio] has exited with exit status ${status}, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=${output}`;

const CHANGED = [
  '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@',
  '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
  'Host key for [10.0.0.12]:2222 has changed and you have requested strict checking.',
  'Host key verification failed.',
].join('\r\n');

describe('the error of an engine over ssh', () => {
  it.each([
    [
      'a refused connection',
      'ssh: connect to host 10.0.0.12 port 2222: Connection refused\r\n',
      'DOCKER_NO_ENGINE',
      "the Docker engine of host 'b' is not reachable: ssh: connect to host 10.0.0.12 port 2222: Connection refused",
      'ssh -p 2222 kit@10.0.0.12 docker version',
    ],
    [
      'an unknown host key',
      'Host key verification failed.\r\n',
      'DOCKER_SSH_HOST_KEY',
      "host 'b': its ssh host key is not in known_hosts",
      'compare the fingerprint before you accept it: ssh -p 2222 kit@10.0.0.12',
    ],
    [
      'a changed host key',
      CHANGED,
      'DOCKER_SSH_HOST_KEY',
      "host 'b': its ssh host key differs from the key in known_hosts",
      "ssh-keygen -R '[10.0.0.12]:2222'",
    ],
    [
      'a denied login',
      'kit@10.0.0.12: Permission denied (publickey).\r\n',
      'DOCKER_SSH_DENIED',
      "host 'b': its ssh server denies access to user 'kit'",
      'ssh -o BatchMode=yes -p 2222 kit@10.0.0.12 docker version',
    ],
    [
      'a denied engine',
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
      'DOCKER_PERMISSION',
      "the Docker engine of host 'b' denies access to user 'kit'",
      'usermod -aG docker',
    ],
    [
      'a host without docker',
      'bash: line 1: docker: command not found\n',
      'DOCKER_SSH_NO_DOCKER',
      "host 'b': the docker command is not in the PATH of its ssh server",
      'install Docker on the host',
    ],
    [
      'a busy ssh server',
      'kex_exchange_identification: Connection closed by remote host\r\n',
      'DOCKER_NO_ENGINE',
      "host 'b': its ssh server closed the connection before the login",
      'MaxStartups',
    ],
  ])('names %s, the host and the remedy', (_, output, code, message, hint) => {
    expect(engineTrouble(fromDocker(output), engine)).toMatchObject({
      ...{ code, message, where: engine.url },
      hint: expect.stringContaining(hint),
    });
  });

  it('names a busy ssh server that dropped the request for the version of the engine', () => {
    const stderr =
      'Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41';
    expect(engineTrouble(stderr, engine)).toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      message: "host 'b': its ssh server closed the connection before the login",
    });
    expect(engineTrouble(stderr, { host: 'c', url: 'unix:///run/docker.sock' })).toBeUndefined();
  });

  it('names a missing ssh command', () => {
    const stderr =
      'error during connect: Get "http://docker.example.com/v1.50/version": exec: "ssh": executable file not found in $PATH';
    expect(engineTrouble(stderr, engine)).toMatchObject({ code: 'DOCKER_SSH_NOT_FOUND' });
  });

  it('leaves the user out if the ssh configuration selects it', () => {
    const own = { host: 'b', url: 'ssh://host-b' };
    expect(engineTrouble(fromDocker('x: Permission denied (publickey).'), own)).toMatchObject({
      message: "host 'b': its ssh server denies access",
      hint: expect.stringContaining('ssh -o BatchMode=yes host-b docker version'),
    });
  });

  it('is not assumed for a failed command on the host', () => {
    expect(engineTrouble('Error response from daemon: No such container: x', engine)).toBeUndefined();
    expect(engineTrouble('kit@10.0.0.12: Permission denied (publickey).', engine)).toBeUndefined();
  });

  it('for an engine that does not reply in time names the ssh command', () => {
    expect(unreachableEngine(engine).hint).toContain('ssh -p 2222 kit@10.0.0.12 docker version');
  });

  it('of Terraform names the address', () => {
    const output = `Error: Error pinging Docker server, please make sure that ${engine.url} is reachable and has a  '_ping' endpoint. Error: ${fromDocker('Connection timed out')}`;
    expect(explainTerraformError('deploy', 'spread', output, 'deploy.log')).toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      message: expect.stringContaining(engine.url),
      hint: expect.stringContaining('ssh USER@HOST docker version'),
    });
  });
});

it('the address of an engine over ssh has a user, a host and a port, of which only the host is required', () => {
  expect(sshTarget('ssh://kit@host-b:2222')).toEqual({ user: 'kit', host: 'host-b', port: 2222 });
  expect(sshTarget('ssh://host-b')).toEqual({ user: undefined, host: 'host-b', port: undefined });
  expect(sshTarget('tcp://10.0.0.12:2376')).toBeUndefined();
});
