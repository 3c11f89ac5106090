/**
 * One environment as one CDKTF stack: Network, configuration, RedisNodes, Sentinels, Watchdog, Observability,
 * Monitoring, and the wait for readiness. A stack does not depend on other stacks: a cross-stack token would put
 * absolute paths into the synthesised text.
 */
import type { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { DockerProvider, type DockerProviderConfig } from '@cdktf/provider-docker/lib/provider/index.js';
import { Fn, type ITerraformDependable, LocalBackend, TerraformOutput, TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import type { Owner } from './checkout-id.ts';
import { Applied } from './constructs/applied.ts';
import { ConfiguredBackend } from './constructs/backend.ts';
import { Configuration } from './constructs/configuration.ts';
import { Images } from './constructs/images.ts';
import { Monitoring } from './constructs/monitoring.ts';
import { Network } from './constructs/network.ts';
import type { Node } from './constructs/node.ts';
import { Observability } from './constructs/observability.ts';
import { ProcessLimit } from './constructs/process-limit.ts';
import { Readiness } from './constructs/readiness.ts';
import { RedisNodes } from './constructs/redis-nodes.ts';
import { Refusal } from './constructs/refusal.ts';
import { SecretFiles } from './constructs/secret-files.ts';
import { Sentinels } from './constructs/sentinels.ts';
import type { PartsFor, StackParts } from './constructs/stack-parts.ts';
import { Watchdog } from './constructs/watchdog.ts';
import type { Engine } from './engines.ts';
import type { ImageSet } from './images.ts';
import { type OutputFiles, outputsOf } from './outputs.ts';
import { type DockerPlan, imageRolesOn, type PlannedHost, servicesOf } from './plan.ts';
import { PROVIDER_VERSION } from './provider.ts';
import type { Archive } from './rendering.ts';

export interface StackProps {
  readonly plan: DockerPlan;
  readonly owner: Owner;
  /** Reason why the environment must not be deployed from this checkout, if another checkout owns it. */
  readonly refusal?: string | undefined;
  readonly images: ImageSet;
  /** Archive for each host in the plan; its source is relative to the stack's folder. */
  readonly archives: readonly Archive[];
  readonly hashes: ReadonlyMap<string, string>;
  /**
   * Paths of the files with passwords, relative to the stack's folder. They are removed together with the environment.
   */
  readonly secretPaths: readonly string[];
  /** Path of the local state, relative to the stack's folder. */
  readonly statePath: string;
  /** Paths in the outputs, relative to the project; they contain no secrets. */
  readonly files: OutputFiles;
  /** Whether a protected environment may be destroyed. */
  readonly allowDestroy: boolean;
  /** Whether the state is still empty: see `constructs/network.ts`. */
  readonly cold: boolean;
}

interface HostParts {
  readonly host: PlannedHost;
  readonly archive: Archive | undefined;
  readonly secrets: ITerraformDependable;
}

/**
 * Id of a construct that exists once per engine. Without `hosts` it has no suffix, so that existing states keep their
 * addresses.
 */
const idOn = (id: string, engine: Engine | undefined): string =>
  engine === undefined ? id : `${id}-${engine.host}`;

/**
 * Provider settings for a host. Terraform reads the client files, so that no key is in the synthesised text. The
 * provider reaches an engine at ssh:// through the ssh program, as the docker command does, so that the same
 * configuration, keys and known hosts apply. Without the empty values, DOCKER_CONTEXT would replace the address of every
 * host, and DOCKER_CERT_PATH would replace ssh.
 */
const providerOf = ({ host, url, tls }: Engine): DockerProviderConfig => ({
  alias: host,
  host: url,
  context: '',
  certPath: '',
  ...(tls && {
    caMaterial: Fn.file(tls.ca),
    certMaterial: Fn.file(tls.cert),
    keyMaterial: Fn.file(tls.key),
  }),
});

export class EnvironmentStack extends TerraformStack {
  constructor(scope: Construct, props: StackProps) {
    super(scope, props.plan.environment.name);
    const { plan } = props;
    this.addOverride('terraform.required_providers.docker.version', PROVIDER_VERSION);
    this.#backend(props);
    if (props.refusal !== undefined) new Refusal(this, 'refusal', props.refusal);
    const secrets = new SecretFiles(this, 'secrets', props.secretPaths).resource;
    const perEngine = new Map(
      plan.hosts.map((host, i) => [
        host.engine,
        this.#onHost(props, { host, archive: props.archives[i], secrets }),
      ]),
    );
    const partsFor: PartsFor = ({ engine }) => {
      const parts = perEngine.get(engine);
      if (parts === undefined) throw new Error(`no provider for the engine of host ${engine?.host ?? ''}`);
      return parts;
    };

    const redis = new RedisNodes(this, 'redis', plan, partsFor);
    const sentinels = new Sentinels(this, 'sentinels', plan, partsFor);
    const nodes = [...redis.nodes, ...sentinels.nodes];
    const containers = nodes.map((node) => node.container);
    const { exporter, commander } = new Observability(this, 'observability', partsFor(plan.exporter), nodes);
    const monitoring = this.#monitoring(plan, partsFor, nodes);
    const watchdog = plan.watchdog && new Watchdog(this, 'watchdog', partsFor(plan.watchdog), plan.watchdog);
    const { container: ready } = new Readiness(this, 'readiness', partsFor(plan.ready), containers);
    new Applied(this, 'applied', plan, ready);

    const side = [exporter, commander, ...monitoring, ...(watchdog ? [watchdog.container] : [])];
    const started = [...containers, ...side];
    for (const { engine } of plan.hosts) {
      const names = servicesOf(plan).filter((service) => service.engine === engine);
      const here = started.filter(({ nameInput }) => names.some(({ container }) => container === nameInput));
      new ProcessLimit(this, idOn('process-limit', engine), here, engine);
    }

    for (const [name, value] of Object.entries(outputsOf(plan, props.files))) {
      new TerraformOutput(this, name, { value, staticId: true });
    }
  }

  /** Creates the containers of `observability.prometheus`; none without it. */
  #monitoring({ monitoring }: DockerPlan, partsFor: PartsFor, after: readonly Node[]): readonly Container[] {
    if (monitoring === undefined) return [];
    const parts = partsFor(monitoring.prometheus);
    return new Monitoring(this, 'monitoring', parts, { planned: monitoring, after }).containers;
  }

  /** Creates the parts of one engine that its containers use. */
  #onHost(
    { plan, owner, hashes, allowDestroy, cold, refusal, ...props }: StackProps,
    { host, archive, secrets }: HostParts,
  ): StackParts {
    const { engine } = host;
    if (archive === undefined) throw new Error(`no archive for host ${engine?.host ?? ''}`);
    const provider = new DockerProvider(this, idOn('docker', engine), engine ? providerOf(engine) : {});
    const on = engine === undefined ? {} : { provider };
    const images = new Images(this, idOn('images', engine), props.images, imageRolesOn(plan, host), on);
    const common = { plan, owner, host, on, after: secrets };
    const network = new Network(this, idOn('network', engine), { ...common, cold });
    const imageId = images.idOf('redis');
    const configuration = new Configuration(this, idOn('configuration', engine), {
      ...common,
      archive,
      imageId,
    });
    const keepsData = refusal !== undefined || (plan.environment.docker.protected && !allowDestroy);
    return { plan, owner, on, network, images, configuration, hashes, keepsData, secrets };
  }

  #backend({ plan, statePath }: StackProps): void {
    const { backend } = plan.environment.docker;
    if (backend === undefined) new LocalBackend(this, { path: statePath });
    else new ConfiguredBackend(this, 'backend', backend);
  }
}
