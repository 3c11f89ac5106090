import { expect, it } from 'vitest';
import { parseDependencies } from '../../../../infra/substrates/docker/base-image.ts';
import { explainTerraformError } from '../../../../infra/substrates/docker/terraform-errors.ts';

it.each([
  [
    'PORT_IN_USE',
    'Error: Unable to start container: driver failed: Bind for 127.0.0.1:6379 failed: port is already allocated',
  ],
  ['SUBNET_IN_USE', 'Error: Unable to create network: Pool overlaps with other one on this address space'],
  ['NETWORK_EXISTS', 'Error: Unable to create network: network with name kit-dev-data already exists'],
  [
    'NETWORKS_LATE',
    'Error: local-exec provisioner error\nOutput: the networks a and b did not exist after 10 s',
  ],
  ['STATE_LOCKED', 'Error: Error acquiring the state lock\nLock Info: ID: 1'],
  ['PLUGIN_MISSING', 'Error: Failed to query available provider packages'],
  ['IMAGE_MISSING', 'Error: unable to pull image redis-cache-kit/redis:1: pull access denied'],
  ['DISK_FULL', 'Error: write /var/lib/docker/tmp: no space left on device'],
  ['CONTAINER_EXISTS', 'Error: Conflict. The container name "/kit-dev-redis-1" is already in use by 1a2b'],
  ['DOCKER_NO_ENGINE', 'Error: Cannot connect to the Docker daemon at unix:///run/docker.sock'],
  ['PROTECTED', 'Error: Instance cannot be destroyed'],
  ['NOT_HEALTHY', 'Error: Resource postcondition failed: environment not ready within 60 s'],
])('%s is recognised in the output of a deploy, with a remedy', (code, output) => {
  const error = explainTerraformError('deploy', 'dev', output, 'deploy.log');
  expect(error.code).toBe(code);
  expect(error.hint).toBeTruthy();
  expect(error.where).toBe('deploy.log');
});

it('an app error is returned as printed', () => {
  const output = [
    'cdktf encountered an error while synthesizing',
    'Error:         non-zero exit code 2',
    "    kit: ports of environment 'dev' are taken: 6379 (redis-1) by container other",
    '      where  127.0.0.1:6379',
    '      fix    set docker.ports.redis',
  ].join('\n');
  expect(explainTerraformError('deploy', 'dev', output, 'deploy.log')).toMatchObject({
    message: "ports of environment 'dev' are taken: 6379 (redis-1) by container other",
    where: '127.0.0.1:6379',
    hint: 'set docker.ports.redis',
    exitCode: 2,
  });
});

it('an unrecognised error is returned in Terraform’s words', () => {
  const error = explainTerraformError('deploy', 'dev', 'noise\nError: something new\nmore', 'deploy.log');
  expect(error).toMatchObject({ code: 'TERRAFORM_FAILED', message: "deploy of 'dev' failed: something new" });
});

it('output without an Error line results in an error with the last line of the output', () => {
  expect(explainTerraformError('plan', 'dev', 'noise\nkilled\n', 'plan.log').message).toBe(
    "plan of 'dev' failed: killed",
  );
});

it('package dependencies are resolved to the first alternative, without virtual packages', () => {
  const graph = parseDependencies(
    ['a', '  Depends: b', ' |Depends: c', '  Depends: d', '  PreDepends: <e>', '    f', 'b'].join('\n'),
  );
  expect(graph.get('a')).toEqual(['b', 'c']);
  expect(graph.get('b')).toEqual([]);
});
