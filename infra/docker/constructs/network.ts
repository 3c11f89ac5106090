/**
 * Two networks: nodes speak to each other in one that leads nowhere else; the other exists to publish ports on this host's
 * loopback, since a port published on an internal network alone does nothing.
 *
 * A network is there at once, but the provider says so 2 s after it has asked for it (`docker_network` sleeps before it looks). In
 * a first deploy (`cold`) the containers wait for the engine, by asking it. Later ones wait for Terraform: there a network
 * may have to be replaced, and its containers must be off it before and in the new one afterwards.
 */
import { Network as DockerNetwork } from '@cdktf/provider-docker/lib/network/index.js';
import { DataResource, type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import type { DockerPlan, PlannedContainer } from '../plan.ts';
import { KEEPS_LABELS, type Labelled, ownLabels, triggerOf } from './hardening.ts';

/** The engine makes one in some 0.2 s. What it refuses Terraform tells when this wait has ended. */
const PATIENCE_SECONDS = 10;

export interface NetworkProps extends Labelled {
  readonly cold: boolean;
  /** Destroyed after the networks. */
  readonly after: ITerraformDependable;
}

export class Network extends Construct {
  readonly #data: DockerNetwork;
  readonly #publish: DockerNetwork;
  readonly #names: DockerPlan['networks'];
  readonly #awaited: DataResource;
  readonly #cold: boolean;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { plan, cold } = props;
    this.#cold = cold;
    this.#names = plan.networks;
    const common = {
      driver: 'bridge',
      labels: ownLabels(props),
      dependsOn: [props.after],
      lifecycle: KEEPS_LABELS,
    };
    const { data, publish } = plan.networks;
    this.#data = new DockerNetwork(this, 'data', {
      ...common,
      name: data.name,
      internal: true,
      ipamConfig: [{ subnet: data.subnet }],
    });
    this.#publish = new DockerNetwork(this, 'publish', { ...common, name: publish.name });
    this.#awaited = new DataResource(this, 'awaited', {
      provisioners: [{ type: 'local-exec', command: awaitNetworks([data.name, publish.name]) }],
      dependsOn: cold ? [] : [this.#data, this.#publish],
    });
  }

  /** What a container waits for. */
  get dependencies(): (DockerNetwork | DataResource)[] {
    return this.#cold ? [this.#awaited] : [this.#awaited, this.#data, this.#publish];
  }

  /** What makes a container anew: a network that is replaced. Of one that was lost and is created Terraform does not tell it. */
  get replaceTriggeredBy(): string[] {
    return this.#cold ? [] : [this.#data, this.#publish].map(triggerOf);
  }

  /** A static address among the nodes. By name: a reference would wait for Terraform. */
  inside(address: string) {
    return { name: this.#names.data.name, ipv4Address: address };
  }

  /** An address and a name among the nodes, and a way for this host to reach it. */
  published({ id, address }: PlannedContainer) {
    return [{ ...this.inside(address.host), aliases: [id] }, { name: this.#names.publish.name }];
  }
}

/** Asks the engine until it has all of them. */
const awaitNetworks = (names: readonly string[]): string => {
  const ask = `docker network inspect ${names.join(' ')} >/dev/null 2>&1`;
  const late = `the networks ${names.join(' and ')} were not there after ${PATIENCE_SECONDS} s`;
  return [
    `end=$(($(date +%s) + ${PATIENCE_SECONDS}))`,
    `until ${ask}; do [ $(date +%s) -lt $end ] || { echo "${late}" >&2; exit 1; }; sleep 0.1; done`,
  ].join('; ');
};
