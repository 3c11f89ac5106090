/**
 * Prints `yes` if Terraform can install the Docker provider plugin from a local directory or a registry, otherwise
 * `no`.
 */
import { pluginAvailable } from '../infra/substrates/docker/plugin.ts';

process.stdout.write((await pluginAvailable().catch(() => false)) ? 'yes' : 'no');
