/** Known Terraform and engine errors, each with a problem and a remedy. They are recognised by matching the output. */
import { EXIT, KitError } from '../../../config/errors.ts';

interface Problem {
  readonly when: RegExp;
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

const KNOWN_ERRORS = [
  {
    // Before the other errors, because the text of ssh follows. The error of the provider contains the address.
    when: /error pinging docker server.*ssh:\/\/|command \[ssh /i,
    code: 'DOCKER_NO_ENGINE',
    what: 'the engine of a host is not reachable over ssh',
    hint: 'check the connection (ssh USER@HOST docker version), then deploy again: the deploy resumes',
  },
  {
    when: /port is already allocated|address already in use|bind for .* failed/i,
    code: 'PORT_IN_USE',
    what: 'a published port is in use',
    hint: 'stop the listener (ss -ltnp), or change docker.ports',
  },
  {
    when: /pool overlaps with other one|could not find an available.*address pool|all predefined address pools/i,
    code: 'SUBNET_IN_USE',
    what: 'another network uses the addresses of the data network',
    hint: 'set docker.subnet to a free /24, or run docker network prune',
  },
  {
    when: /network with name \S+ already exists/i,
    code: 'NETWORK_EXISTS',
    what: 'a network of this name exists outside the Terraform state',
    hint: 'run kit down --substrate docker after an interrupted deploy, or docker network rm for a foreign network',
  },
  {
    when: /(?:\(local-exec\)|Output): the networks \S+ and \S+ did not exist/i,
    code: 'NETWORKS_LATE',
    what: 'the engine did not create the networks in time',
    hint: 'deploy again: the networks are then in the Terraform state',
  },
  {
    when: /error acquiring the state lock/i,
    code: 'STATE_LOCKED',
    what: 'another deploy of this environment is running',
    hint: 'wait until it has finished; after a crash, run terraform force-unlock with the id in the log',
  },
  {
    when: /could not connect to|failed to query available provider packages|provider registry|Could not retrieve providers/i,
    code: 'PLUGIN_MISSING',
    what: 'Terraform cannot install the Docker provider plugin',
    hint: 'run kit doctor --substrate docker',
  },
  {
    when: /unable to (read|find) docker image|pull access denied|no such image|unable to pull image|error pulling image/i,
    code: 'IMAGE_MISSING',
    what: 'an image is missing and cannot be pulled',
    hint: 'run kit images build or kit bundle load FILE',
  },
  {
    when: /no space left on device/i,
    code: 'DISK_FULL',
    what: 'the disk is full',
    hint: 'free disk space (docker system df), then deploy again: the deploy resumes',
  },
  {
    when: /container name .* is already in use/i,
    code: 'CONTAINER_EXISTS',
    what: 'a container outside the Terraform state has the name of a planned one',
    hint: 'find it with kit drift, remove it with docker rm -f, and deploy again',
  },
  {
    when: /environment '\S+' (on this Docker engine belongs to|was deployed from here)/,
    code: 'ENVIRONMENT_FOREIGN',
    what: 'the environment belongs to another checkout',
    hint: 'to take it over, run kit up --env NAME --substrate docker --adopt',
  },
  {
    when: /cannot be destroyed|prevent_destroy/i,
    code: 'PROTECTED',
    what: 'the environment is protected: its data would be destroyed',
    hint: 'to destroy it anyway, set KIT_ALLOW_DESTROY to the environment name',
  },
  {
    when: /cannot connect to the docker daemon/i,
    code: 'DOCKER_NO_ENGINE',
    what: 'no Docker engine is reachable',
    hint: 'start an engine (sudo systemctl start docker, or sudo dockerd &), or set DOCKER_HOST',
  },
  {
    when: /environment not ready within/i,
    code: 'NOT_HEALTHY',
    what: 'the containers run, but the environment is not ready',
    hint: 'check docker logs of the nodes, then deploy again',
  },
] as const satisfies readonly Problem[];

/**
 * Extracts one error from pages of output. An error from the app is already a KitError, which `app.ts` prints in full.
 */
export function explainTerraformError(verb: string, name: string, output: string, log: string): KitError {
  const found = KNOWN_ERRORS.find(({ when }) => when.test(output));
  const own = /^\s*kit: (.+)$/m.exec(output)?.[1];
  if (own !== undefined) {
    const [where, hint] = ['where', 'fix'].map(
      (part) => new RegExp(`^\\s+${part}  +(.+)$`, 'm').exec(output)?.[1],
    );
    return new KitError(own, {
      code: found?.code ?? 'SYNTHESIS_FAILED',
      where: where ?? log,
      hint: hint ?? 'see the environment log',
      exitCode: EXIT.USAGE,
    });
  }
  const detail = /Error: (.*)/.exec(output)?.[1]?.trim() ?? output.trim().split('\n').at(-1) ?? '';
  return new KitError(
    found === undefined ? `${verb} of '${name}' failed: ${detail}` : `${found.what}: ${detail}`,
    {
      code: found?.code ?? 'TERRAFORM_FAILED',
      where: log,
      hint: found?.hint ?? 'see that file; another deploy resumes',
      exitCode: found === undefined ? EXIT.NO_GO : EXIT.USAGE,
    },
  );
}

/** Returns a known error without matching output. */
export function knownTerraformError(code: (typeof KNOWN_ERRORS)[number]['code'], where: string): KitError {
  const { what, hint } = KNOWN_ERRORS.find((each) => each.code === code) as Problem;
  return new KitError(what, { code, where, hint, exitCode: EXIT.USAGE });
}
