/**
 * Two networks: nodes speak to each other in one that leads nowhere else; the other exists to publish ports on this host's
 * loopback, since a port published on an internal network alone does nothing.
 *
 * A network is there at once, but the provider says so 2 s after it has asked for it (`docker_network` sleeps before it looks). Where
 * no state has anything yet (`cold`) the containers wait for the engine instead, by asking it. Otherwise they wait
 * for Terraform: then a network may have to be replaced, and its containers must be off it first, or was lost, and is made at the same time.
 */
import { Network as DockerNetwork } from '@cdktf/provider-docker/lib/network/index.js';
import { DataResource } from 'cdktf';
import { Construct } from 'constructs';
import { type DockerPlan, LABEL } from '../plan.ts';
import { triggerOf } from './hardening.ts';

/** The engine makes one in some 0.2 s; one that it refuses is told by Terraform when this wait has ended. */
const PATIENCE_SECONDS = 10;

export class Network extends Construct {
  readonly #data: DockerNetwork;
  readonly #publish: DockerNetwork;
  readonly #names: DockerPlan['networks'];
  readonly #there: DataResource;
  readonly #cold: boolean;

  constructor(scope: Construct, id: string, { plan, cold }: { plan: DockerPlan; cold: boolean }) {
    super(scope, id);
    this.#cold = cold;
    this.#names = plan.networks;
    const labels = [{ label: LABEL.environment, value: plan.environment.name }];
    const { data, publish } = plan.networks;
    this.#data = new DockerNetwork(this, 'data', {
      name: data.name,
      driver: 'bridge',
      internal: true,
      ipamConfig: [{ subnet: data.subnet }],
      labels,
    });
    this.#publish = new DockerNetwork(this, 'publish', { name: publish.name, driver: 'bridge', labels });
    this.#there = new DataResource(this, 'there', {
      provisioners: [{ type: 'local-exec', command: awaitNetworks([data.name, publish.name]) }],
      dependsOn: cold ? [] : [this.#data, this.#publish],
    });
  }

  /** What a container waits for before it joins. */
  get before(): (DockerNetwork | DataResource)[] {
    return this.#cold ? [this.#there] : [this.#there, this.#data, this.#publish];
  }

  /** What makes a container anew: a network that is replaced. Of one that was lost and is created Terraform does not tell it. */
  get replaceTriggeredBy(): string[] {
    return this.#cold ? [] : [this.#data, this.#publish].map(triggerOf);
  }

  /** A static address among the nodes, and a way for this host to reach it. By their names: these are no references, which would wait. */
  attachments(address: string) {
    const { data, publish } = this.#names;
    return [{ name: data.name, ipv4Address: address }, { name: publish.name }];
  }
}

/** Asks the engine until it has all of them. */
const awaitNetworks = (names: readonly string[]): string => {
  const tries = PATIENCE_SECONDS * 10;
  const ask = `docker network inspect ${names.join(' ')} >/dev/null 2>&1`;
  const late = `echo "no networks ${names.join(' and ')} after ${PATIENCE_SECONDS} s" >&2; exit 1`;
  return `tries=0; until ${ask}; do [ $tries -lt ${tries} ] || { ${late}; }; tries=$((tries + 1)); sleep 0.1; done`;
};
