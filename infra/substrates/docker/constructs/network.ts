/**
 * Two networks: the nodes communicate through an internal one, which has no access to other networks; the other
 * publishes ports on this host's loopback address, since an internal network alone cannot publish ports. With `hosts`
 * each engine has only the second one: the nodes communicate through the published ports of their hosts.
 *
 * A network exists immediately, but the provider reports it 2 s after the request (`docker_network` sleeps before it
 * checks). In a first deploy (`cold`) the containers poll the engine instead. Later deploys wait for Terraform: they
 * may have to replace a network, and its containers must be detached before that and attached to the new network
 * afterwards.
 */
import { Network as DockerNetwork } from '@cdktf/provider-docker/lib/network/index.js';
import { DataResource, type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { dockerCommand } from '../engines.ts';
import { type DockerPlan, hasHosts, type PlannedContainer, type PlannedHost } from '../plan.ts';
import { KEEPS_LABELS, type Labelled, type OnEngine, ownLabels, triggerOf } from './hardening.ts';

/**
 * Maximum wait for a network. The engine creates one within about 0.2 s; if it refuses, Terraform reports the refusal
 * after this wait times out.
 */
const WAIT_SECONDS = 10;

export interface NetworkProps extends Labelled {
  readonly host: PlannedHost;
  readonly on: OnEngine;
  readonly cold: boolean;
  /** Resource that is destroyed after the networks. */
  readonly after: ITerraformDependable;
}

/** Attachment of a container to a network. */
interface Attachment {
  readonly name: string;
  readonly ipv4Address?: string;
  readonly aliases?: string[];
}

export class Network extends Construct {
  /** Data network; undefined with `hosts`. */
  readonly #data: DockerNetwork | undefined;
  readonly #publish: DockerNetwork;
  readonly #names: DockerPlan['networks'];
  readonly #awaited: DataResource;
  readonly #cold: boolean;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { plan, host, cold, on } = props;
    this.#cold = cold;
    this.#names = plan.networks;
    const common = {
      ...on,
      driver: 'bridge',
      labels: ownLabels(props),
      dependsOn: [props.after],
      lifecycle: KEEPS_LABELS,
    };
    const { data, publish } = plan.networks;
    this.#data = hasHosts(plan)
      ? undefined
      : new DockerNetwork(this, 'data', {
          ...common,
          name: data.name,
          internal: true,
          ipamConfig: [{ subnet: data.subnet }],
        });
    this.#publish = new DockerNetwork(this, 'publish', { ...common, name: publish.name });
    const names = hasHosts(plan) ? [publish.name] : [data.name, publish.name];
    this.#awaited = new DataResource(this, 'awaited', {
      provisioners: [{ type: 'local-exec', command: awaitNetworks(names, dockerCommand(host.engine)) }],
      dependsOn: cold ? [] : this.#networks,
    });
  }

  get #networks(): DockerNetwork[] {
    return [...(this.#data === undefined ? [] : [this.#data]), this.#publish];
  }

  /** Resources that a container waits for. */
  get dependencies(): (DockerNetwork | DataResource)[] {
    return this.#cold ? [this.#awaited] : [this.#awaited, ...this.#networks];
  }

  /**
   * Triggers that replace a container when its network is replaced. Terraform does not replace the container if the
   * network was lost and is created again.
   */
  get replaceTriggeredBy(): string[] {
    return this.#cold ? [] : this.#networks.map(triggerOf);
  }

  /**
   * Attaches a container to the nodes' network. Uses names, because with a reference the container would wait for
   * Terraform's network resource.
   */
  attached({ address }: Pick<PlannedContainer, 'address'>): Attachment[] {
    return this.#data === undefined ? [{ name: this.#names.publish.name }] : [this.#inside(address.host)];
  }

  /** Attaches a container to the nodes' network under a name, and to the network that publishes its port. */
  published({ id, address }: Pick<PlannedContainer, 'id' | 'address'>): Attachment[] {
    const publish = { name: this.#names.publish.name };
    if (this.#data === undefined) return [{ ...publish, aliases: [id] }];
    return [{ ...this.#inside(address.host), aliases: [id] }, publish];
  }

  #inside(address: string): Attachment {
    return { name: this.#names.data.name, ipv4Address: address };
  }
}

/** Returns a shell command that polls the engine until all networks exist. */
const awaitNetworks = (names: readonly string[], command: string): string => {
  const ask = `${command} network inspect ${names.join(' ')} >/dev/null 2>&1`;
  const late = `the networks ${names.join(' and ')} did not exist after ${WAIT_SECONDS} s`;
  return [
    `end=$(($(date +%s) + ${WAIT_SECONDS}))`,
    `until ${ask}; do [ $(date +%s) -lt $end ] || { echo "${late}" >&2; exit 1; }; sleep 0.1; done`,
  ].join('; ');
};
