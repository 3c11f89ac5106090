/** Known errors of Terraform and the engine, matched by their output: problem and remedy. */
import { EXIT, KitError } from '../../../config/errors.ts';

interface Problem {
  readonly when: RegExp;
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

const KNOWN_ERRORS = [
  {
    when: /port is already allocated|address already in use|bind for .* failed/i,
    code: 'PORT_IN_USE',
    what: 'a port that the environment publishes is taken',
    hint: 'end what listens there (ss -ltnp), or set docker.ports in the environment',
  },
  {
    when: /pool overlaps with other one|could not find an available.*address pool|all predefined address pools/i,
    code: 'SUBNET_IN_USE',
    what: 'the addresses of the data network are taken by another network',
    hint: 'set docker.subnet in the environment to a free /24, or docker network prune',
  },
  {
    when: /network with name \S+ already exists/i,
    code: 'NETWORK_EXISTS',
    what: 'a network of this name is there, and Terraform does not know it',
    hint: 'kit down --substrate docker removes what an interrupted deploy left; a network of somebody else: docker network rm',
  },
  {
    when: /(?:\(local-exec\)|Output): the networks \S+ and \S+ were not there/i,
    code: 'NETWORKS_LATE',
    what: 'the engine did not make the networks in time',
    hint: 'deploy again: it waits for Terraform then, and no longer for the engine',
  },
  {
    when: /error acquiring the state lock/i,
    code: 'STATE_LOCKED',
    what: 'another deploy of this environment is running',
    hint: 'wait until it has ended; after a crash: terraform force-unlock with the id that the log names',
  },
  {
    when: /could not connect to|failed to query available provider packages|provider registry|Could not retrieve providers/i,
    code: 'PLUGIN_MISSING',
    what: "Terraform cannot get the Docker provider's plugin",
    hint: 'kit doctor --substrate docker',
  },
  {
    when: /unable to (read|find) docker image|pull access denied|no such image|unable to pull image|error pulling image/i,
    code: 'IMAGE_MISSING',
    what: 'an image is not here and cannot be pulled',
    hint: 'kit images build (or kit bundle load FILE)',
  },
  {
    when: /no space left on device/i,
    code: 'DISK_FULL',
    what: 'the disk is full',
    hint: 'make room (docker system df), then deploy again: it goes on where it stopped',
  },
  {
    when: /container name .* is already in use/i,
    code: 'CONTAINER_EXISTS',
    what: 'a container that Terraform did not make has the name of one that it is to make',
    hint: 'kit drift names it; docker rm -f it, then deploy again',
  },
  {
    when: /environment '\S+' (on this Docker engine belongs to|was deployed from here)/,
    code: 'ENVIRONMENT_FOREIGN',
    what: 'the environment belongs to another checkout',
    hint: 'kit up --env NAME --substrate docker --adopt takes it over',
  },
  {
    when: /cannot be destroyed|prevent_destroy/i,
    code: 'PROTECTED',
    what: 'the environment is protected: its data would be destroyed',
    hint: 'if that is what you want, set KIT_ALLOW_DESTROY to the name of the environment',
  },
  {
    when: /cannot connect to the docker daemon/i,
    code: 'DOCKER_NO_ENGINE',
    what: 'no Docker engine answers',
    hint: 'start one (sudo systemctl start docker; or: sudo dockerd &), or name it in DOCKER_HOST',
  },
  {
    when: /did not become ready within/i,
    code: 'NOT_HEALTHY',
    what: 'the containers run, but the environment was not ready in time',
    hint: 'docker logs of the nodes; then deploy again',
  },
] as const satisfies readonly Problem[];

/** Extracts one error from pages of output. An error of the app is a KitError already: `app.ts` prints it in full. */
export function explainTerraformError(verb: string, name: string, output: string, log: string): KitError {
  const found = KNOWN_ERRORS.find(({ when }) => when.test(output));
  const own = /^\s*kit: (.+)$/m.exec(output)?.[1];
  if (own !== undefined) {
    const [where, hint] = ['where', 'do'].map(
      (part) => new RegExp(`^\\s+${part}  +(.+)$`, 'm').exec(output)?.[1],
    );
    return new KitError(own, {
      code: found?.code ?? 'SYNTHESIS_FAILED',
      where: where ?? log,
      hint: hint ?? 'the whole output is in the log of the environment',
      exitCode: EXIT.USAGE,
    });
  }
  const detail = /Error: (.*)/.exec(output)?.[1]?.trim() ?? output.trim().split('\n').at(-1) ?? '';
  return new KitError(
    found === undefined ? `${verb} of '${name}' failed: ${detail}` : `${found.what}: ${detail}`,
    {
      code: found?.code ?? 'TERRAFORM_FAILED',
      where: log,
      hint: found?.hint ?? 'the whole output is in that file; deploying again goes on where it stopped',
      exitCode: found === undefined ? EXIT.NO_GO : EXIT.USAGE,
    },
  );
}

/** Returns a known error without matching output. */
export function knownTerraformError(code: (typeof KNOWN_ERRORS)[number]['code'], where: string): KitError {
  const { what, hint } = KNOWN_ERRORS.find((each) => each.code === code) as Problem;
  return new KitError(what, { code, where, hint, exitCode: EXIT.USAGE });
}
