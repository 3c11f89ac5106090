/**
 * Two networks: nodes speak to each other in one that leads nowhere else; the other exists to publish ports on this host's
 * loopback, since a port published on an internal network alone does nothing.
 */
import { Network as DockerNetwork } from '@cdktf/provider-docker/lib/network/index.js';
import { Construct } from 'constructs';
import { type DockerPlan, LABEL } from '../plan.ts';

export class Network extends Construct {
  readonly data: DockerNetwork;
  readonly publish: DockerNetwork;

  constructor(scope: Construct, id: string, plan: DockerPlan) {
    super(scope, id);
    const labels = [{ label: LABEL.environment, value: plan.environment.name }];
    const { data, publish } = plan.networks;
    this.data = new DockerNetwork(this, 'data', {
      name: data.name,
      driver: 'bridge',
      internal: true,
      ipamConfig: [{ subnet: data.subnet }],
      labels,
    });
    this.publish = new DockerNetwork(this, 'publish', { name: publish.name, driver: 'bridge', labels });
  }

  /** A static address among the nodes, and a way for this host to reach it. */
  attachments(address: string) {
    return [{ name: this.data.name, ipv4Address: address }, { name: this.publish.name }];
  }
}
