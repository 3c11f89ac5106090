/** Whether Terraform can have the provider's plugin on this machine, asked of Terraform where no local directory has it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../process.ts';
import { localPlugin, terraformProgram } from './program.ts';
import { PROVIDER_VERSION } from './provider.ts';

const REGISTRY_TIMEOUT_MS = 120_000;

/** From a local directory, or else from a registry that answers. Leaves nothing but Terraform's own cache, where it has one. */
export async function pluginAvailable(): Promise<boolean> {
  if (localPlugin() !== undefined) return true;
  const dir = mkdtempSync(join(tmpdir(), 'kit-plugin-'));
  try {
    const docker = { source: 'kreuzwerker/docker', version: PROVIDER_VERSION };
    writeFileSync(
      join(dir, 'main.tf.json'),
      JSON.stringify({ terraform: { required_providers: { docker } } }),
    );
    const record = await runProgram({
      command: await terraformProgram(),
      args: ['init', '-backend=false', '-input=false', '-no-color'],
      cwd: dir,
      env: { CHECKPOINT_DISABLE: '1' },
      timeoutMs: REGISTRY_TIMEOUT_MS,
    });
    return record.exitCode === 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
