/** Says `yes` where Terraform can have the Docker provider's plugin, from a local directory or a registry, else `no`. */
import { pluginAvailable } from '../infra/docker/plugin.ts';

process.stdout.write((await pluginAvailable().catch(() => false)) ? 'yes' : 'no');
