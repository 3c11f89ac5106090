/**
 * One environment as one CDKTF stack: Network, configuration, RedisNodes, Sentinels, Watchdog, Observability, and the
 * wait for readiness. A stack does not depend on other stacks: a cross-stack token would put absolute paths into the
 * text.
 */
import { DockerProvider } from '@cdktf/provider-docker/lib/provider/index.js';
import { LocalBackend, TerraformOutput, TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import type { Owner } from './checkout-id.ts';
import { Applied } from './constructs/applied.ts';
import { ConfiguredBackend } from './constructs/backend.ts';
import { Configuration } from './constructs/configuration.ts';
import { Images } from './constructs/images.ts';
import { Network } from './constructs/network.ts';
import { Observability } from './constructs/observability.ts';
import { ProcessLimit } from './constructs/process-limit.ts';
import { Readiness } from './constructs/readiness.ts';
import { RedisNodes } from './constructs/redis-nodes.ts';
import { Refusal } from './constructs/refusal.ts';
import { SecretFiles } from './constructs/secret-files.ts';
import { Sentinels } from './constructs/sentinels.ts';
import type { StackParts } from './constructs/stack-parts.ts';
import { Watchdog } from './constructs/watchdog.ts';
import type { ImageSet } from './images.ts';
import { type OutputFiles, outputsOf } from './outputs.ts';
import type { DockerPlan } from './plan.ts';
import { PROVIDER_VERSION } from './provider.ts';
import type { Archive } from './rendering.ts';

export interface StackProps {
  readonly plan: DockerPlan;
  readonly owner: Owner;
  /** Reason why the environment must not be deployed from this checkout, if another checkout owns it. */
  readonly refusal?: string | undefined;
  readonly images: ImageSet;
  /** Archive, whose source is relative to the stack's folder. */
  readonly archive: Archive;
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

export class EnvironmentStack extends TerraformStack {
  constructor(scope: Construct, props: StackProps) {
    super(scope, props.plan.environment.name);
    const { plan, owner, hashes, allowDestroy, cold } = props;
    new DockerProvider(this, 'docker', {});
    this.addOverride('terraform.required_providers.docker.version', PROVIDER_VERSION);
    this.#backend(props);

    const images = new Images(this, 'images', props.images);
    if (props.refusal !== undefined) new Refusal(this, 'refusal', props.refusal);
    const secrets = new SecretFiles(this, 'secrets', props.secretPaths).resource;
    const network = new Network(this, 'network', { plan, owner, cold, after: secrets });
    const configuration = new Configuration(this, 'configuration', {
      plan,
      owner,
      after: secrets,
      archive: props.archive,
      imageId: images.idOf('redis'),
    });
    const keepsData = props.refusal !== undefined || (plan.environment.docker.protected && !allowDestroy);
    const parts: StackParts = { plan, owner, network, images, configuration, hashes, keepsData, secrets };
    const redis = new RedisNodes(this, 'redis', parts);
    const sentinels = new Sentinels(this, 'sentinels', parts);
    const nodes = [...redis.nodes, ...sentinels.nodes];
    const { exporter, commander } = new Observability(this, 'observability', parts, nodes);
    const watchdog = plan.watchdog && new Watchdog(this, 'watchdog', parts, plan.watchdog);
    const containers = nodes.map((node) => node.container);
    const { container: ready } = new Readiness(this, 'readiness', parts, containers);
    new Applied(this, 'applied', plan, ready);

    const all = [...containers, exporter, commander, ...(watchdog ? [watchdog.container] : [])];
    new ProcessLimit(this, 'process-limit', all);

    for (const [name, value] of Object.entries(outputsOf(plan, props.files))) {
      new TerraformOutput(this, name, { value, staticId: true });
    }
  }

  #backend({ plan, statePath }: StackProps): void {
    const { backend } = plan.environment.docker;
    if (backend === undefined) new LocalBackend(this, { path: statePath });
    else new ConfiguredBackend(this, 'backend', backend);
  }
}
