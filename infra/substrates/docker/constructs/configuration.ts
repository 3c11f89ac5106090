/**
 * Puts configuration and secrets on volumes, without leaving a trace in the state. A short-lived container mounts every
 * configuration volume, Terraform copies one archive of all files into it (`upload.source`), and the container unpacks
 * the archive, sets the owner and mode of the files, and exits. Each service mounts only its own volume, read-only.
 *
 * The same container gives the data volumes of services other than nodes to the servers: their images, unlike the node
 * image, have no directory of that owner from which an empty volume could take it.
 */
import { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Volume } from '@cdktf/provider-docker/lib/volume/index.js';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { OWN_STORES, UNPACK } from '../archive.ts';
import type { PlannedHost, StoringService } from '../plan.ts';
import { configVolumesOn, storingServicesOn } from '../plan-volumes.ts';
import type { Archive } from '../rendering.ts';
import {
  containerLabels,
  KEEPS_LABELS,
  type Labelled,
  ONE_SHOT,
  type OnEngine,
  ownLabels,
  protectedLabels,
  triggerOf,
} from './hardening.ts';

export interface ConfigurationProps extends Labelled {
  readonly host: PlannedHost;
  readonly on: OnEngine;
  /**
   * Archive; its path is relative to the stack's folder, so that the synthesised text is independent of the machine.
   */
  readonly archive: Archive;
  readonly imageId: string;
  /** Resource that is destroyed after the volumes. */
  readonly after: ITerraformDependable;
}

export class Configuration extends Construct {
  readonly init: Container;
  readonly #volumes: ReadonlyMap<string, Volume>;
  readonly #dataVolumes: ReadonlyMap<string, Volume>;

  constructor(scope: Construct, id: string, props: ConfigurationProps) {
    super(scope, id);
    const { plan, host, archive, imageId, on } = props;
    const create = (name: string): readonly [string, Volume] => [
      name,
      new Volume(this, name, {
        ...on,
        name,
        labels: ownLabels(props),
        dependsOn: [props.after],
        lifecycle: KEEPS_LABELS,
      }),
    ];
    this.#volumes = new Map(configVolumesOn(plan, host).map(create));
    this.#dataVolumes = new Map(storingServicesOn(plan, host).map(({ dataVolume }) => create(dataVolume)));
    const volumes = [...this.#volumes.values()];
    const dataVolumes = [...this.#dataVolumes.values()];
    this.init = new Container(this, 'init', {
      ...on,
      name: host.init.container,
      image: imageId,
      user: '0:0',
      entrypoint: ['/bin/sh', '-c'],
      command: [dataVolumes.length === 0 ? UNPACK : `${UNPACK}\n${OWN_STORES}`],
      networkMode: 'none',
      readOnly: false,
      capabilities: { drop: ['ALL'], add: ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER'] },
      ...ONE_SHOT,
      labels: [...containerLabels(props, 'init'), ...protectedLabels(props)],
      volumes: [...volumes.map(mountBelow('/conf')), ...dataVolumes.map(mountBelow('/stores'))],
      upload: [{ file: '/conf.tar', source: archive.source, sourceHash: archive.sha256 }],
      // A lost volume is recreated empty and has to be filled again.
      lifecycle: { replaceTriggeredBy: [...volumes, ...dataVolumes].map(triggerOf) },
    });
  }

  /** Returns the mount for a service; it contains only that service's configuration. */
  mount(configVolume: string) {
    const volume = this.#volumes.get(configVolume);
    if (volume === undefined) throw new Error(`no configuration volume ${configVolume}`);
    return { volumeName: volume.name, containerPath: '/kit', readOnly: true };
  }

  /** Returns the mount of a service's data volume. */
  mountData({ dataVolume, dataPath }: StoringService) {
    const volume = this.#dataVolumes.get(dataVolume);
    if (volume === undefined) throw new Error(`no data volume ${dataVolume}`);
    return { volumeName: volume.name, containerPath: dataPath };
  }
}

const mountBelow = (dir: string) => (volume: Volume) => ({
  volumeName: volume.name,
  containerPath: `${dir}/${volume.nameInput}`,
});
