/** Reads and changes data volumes while no running node uses them, through short-lived containers of the node image. */
import { KitError } from '../../../config/errors.ts';
import { diskFull } from '../../host/disk.ts';
import type { Owner } from './checkout-id.ts';
import { docker } from './engine.ts';
import type { Engine } from './engines.ts';
import { LABEL, RUN_AS } from './plan.ts';

export interface VolumeTools {
  /** Node image, which contains a shell and Redis. */
  readonly image: string;
  /** Engine of the volume; default: the user's engine. */
  readonly engine?: Engine | undefined;
  readonly environment: string;
  readonly owner: Owner;
}

const COPY_TIMEOUT_MS = 600_000;

/** Copies the files of a volume into a directory on this machine. @throws KitError `DISK_FULL` */
export async function copyVolume(volume: string, into: string, tools: VolumeTools): Promise<void> {
  const mount = ['--volume', `${volume}:/data:ro`];
  const { engine } = tools;
  const create = ['create', ...labelsOf(tools), ...mount, '--entrypoint', 'true', tools.image];
  const helper = await docker(create, { engine });
  try {
    await docker(['cp', `${helper}:/data/.`, into], { engine, timeoutMs: COPY_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof KitError && /no space left/i.test(error.message)) throw diskFull(into);
    throw error;
  } finally {
    await docker(['rm', '--force', helper], { engine });
  }
}

/** Runs a script as the user of the nodes, with a volume mounted on /data. @returns its output */
export async function runOnVolume(
  volume: string,
  script: string,
  args: readonly string[],
  tools: VolumeTools,
  mode: 'rw' | 'ro' = 'rw',
): Promise<string> {
  return await docker(
    [
      ...['run', '--rm', '--network', 'none', '--user', RUN_AS, ...labelsOf(tools)],
      ...[
        '--volume',
        `${volume}:/data:${mode}`,
        '--entrypoint',
        'sh',
        tools.image,
        '-c',
        script,
        'sh',
        ...args,
      ],
    ],
    { engine: tools.engine, timeoutMs: COPY_TIMEOUT_MS },
  );
}

/** Recreates a lost volume, empty and with labels: a mount alone would create it without labels. */
export async function createVolume(volume: string, tools: VolumeTools): Promise<void> {
  await docker(['volume', 'create', ...labelsOf(tools), volume], { engine: tools.engine });
}

/** Returns the labels by which the next deploy finds and removes a helper that an interruption left behind. */
function labelsOf({ environment, owner }: VolumeTools): readonly string[] {
  const labels = { [LABEL.environment]: environment, [LABEL.owner]: owner.id, [LABEL.place]: owner.place };
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
}
