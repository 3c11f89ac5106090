/**
 * Finds the plugin of the Docker provider in a local directory, or in the registry of Terraform or OpenTofu. Each
 * program has its own registry, and finds a local plugin only under the name of that registry.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProgramRecord } from '../../host/process.ts';
import { PROVIDER_VERSION } from './provider.ts';
import { runTerraform, terraformProgram } from './terraform-cli.ts';

const SOURCE = 'kreuzwerker/docker';

/** Directories in which Terraform and OpenTofu find plugins without configuration. */
const PLUGIN_DIRS = [
  join(homedir(), '.terraform.d', 'plugins'),
  join(homedir(), '.local', 'share', 'terraform', 'plugins'),
  '/usr/local/share/terraform/plugins',
  '/usr/share/terraform/plugins',
];

/**
 * Returns the host name of the registry that a program uses, as the program itself reports it; undefined if the output
 * does not contain it.
 */
export async function registryOf(program: string): Promise<string | undefined> {
  const record = await inProviderFolder(program, ['providers', '-no-color']);
  return /provider\[([^\]/]+)\//.exec(record.stdout)?.[1];
}

/**
 * Returns the folder of the plugin in one of the local directories. @param registry registry of the plugin; default:
 * any
 */
export function localPlugin(registry?: string, roots: readonly string[] = PLUGIN_DIRS): string | undefined {
  return roots
    .flatMap((root) =>
      hostsIn(root)
        .filter((host) => registry === undefined || host === registry)
        .map((host) => join(root, pluginPath(host))),
    )
    .find((path) => existsSync(path));
}

/** Returns the path of the plugin within a plugin directory. */
function pluginPath(registry: string): string {
  const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return join(registry, SOURCE, PROVIDER_VERSION, platform);
}

/** Returns the plugin directory that contains the plugin. */
export function pluginRoot(plugin: string): string {
  return PLUGIN_DIRS.find((root) => plugin.startsWith(`${root}/`)) ?? plugin;
}

function hostsIn(root: string): readonly string[] {
  return existsSync(root) ? readdirSync(root) : [];
}

/**
 * Source of the plugin for the installed program. `registry`: the registry has the plugin, but no local directory does.
 */
export interface PluginSource {
  readonly program: string;
  readonly registry: string | undefined;
  readonly from: 'local' | 'registry' | 'nowhere';
  readonly path?: string;
}

/** Looks for the plugin in local directories, then in the registry. Leaves only the program's own cache behind. */
export async function findPlugin(): Promise<PluginSource> {
  const program = await terraformProgram();
  const registry = await registryOf(program);
  const path = localPlugin(registry);
  if (path !== undefined) return { program, registry, from: 'local', path };
  const record = await inProviderFolder(program, ['init', '-backend=false', '-input=false', '-no-color']);
  return { program, registry, from: record.exitCode === 0 ? 'registry' : 'nowhere' };
}

export async function pluginAvailable(): Promise<boolean> {
  return (await findPlugin()).from !== 'nowhere';
}

/**
 * Returns an entry without hashes for a dependency lock file; the program adds the hashes of the plugin that it
 * installs.
 */
export const lockEntry = (registry: string): string =>
  [
    `provider "${registry}/${SOURCE}" {`,
    `  version     = "${PROVIDER_VERSION}"`,
    `  constraints = "${PROVIDER_VERSION}"`,
    '}\n',
  ].join('\n');

/** Runs a program in a folder whose configuration only requires the provider. */
async function inProviderFolder(program: string, args: readonly string[]): Promise<ProgramRecord> {
  const dir = mkdtempSync(join(tmpdir(), 'kit-plugin-'));
  try {
    const docker = { source: SOURCE, version: PROVIDER_VERSION };
    const text = JSON.stringify({ terraform: { required_providers: { docker } } });
    writeFileSync(join(dir, 'main.tf.json'), text);
    return await runTerraform(args, dir, { program });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
