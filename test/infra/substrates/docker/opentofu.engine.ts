/**
 * OpenTofu on a machine without Terraform: it is found even if no variable names it, passed to every program, and used
 * with its own registry.
 */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import { findProgram } from '../../../../infra/host/process.ts';
import { dockerChecks } from '../../../../infra/substrates/docker/doctor.ts';
import { partsOf } from '../../../../infra/substrates/docker/ownership.ts';
import { registryOf } from '../../../../infra/substrates/docker/plugin.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { terraformProgram } from '../../../../infra/substrates/docker/terraform-cli.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { describeOnEngine, engineStateDir, runPlainCdktf } from './fixtures.ts';

const tofu = await findProgram('tofu');
const registry = tofu === undefined ? undefined : await registryOf(tofu);
const ports = { redis: 28_400, exporter: 28_420, commander: 28_421 };
const config = environmentSchema.parse({ ...loadEnvironment('single'), name: 'tofu', docker: { ports } });
const NOWHERE = { path: '/nowhere', [Symbol.dispose]: () => {} };

describeOnEngine('OpenTofu alone', () => {
  const reason = tofu === undefined ? ' [skipped: tofu is not on the path]' : '';
  describe.runIf(tofu !== undefined)(`the OpenTofu program${reason}`, () => {
    // The body of a skipped suite runs, but its hooks do not, so no hook would remove the directory.
    const state = tofu === undefined ? NOWHERE : engineStateDir();
    const substrate = dockerSubstrate({ stateDir: state.path });
    let bin: string;

    beforeAll(async () => {
      // A search path as on a machine that has `tofu` but no `terraform`.
      bin = mkdtempSync(join(tmpdir(), 'kit-test-bin-'));
      for (const name of ['docker', 'tofu', 'node', 'sh', 'tar', 'ps'])
        symlinkSync((await findProgram(name)) ?? `/nowhere/${name}`, join(bin, name));
      vi.stubEnv('PATH', [bin, '/usr/bin', '/bin'].join(delimiter));
      vi.stubEnv('TERRAFORM_BINARY_NAME', '');
      expect(await findProgram('terraform')).toBeUndefined();
    });
    afterAll(async () => {
      await substrate.destroy(config.name);
      vi.unstubAllEnvs();
      rmSync(bin, { recursive: true, force: true });
      state[Symbol.dispose]();
    });

    it('is found, and the doctor names the plugin from the OpenTofu registry', async () => {
      expect(await terraformProgram()).toBe('tofu');
      const checks = new Map((await dockerChecks(state.path)).map((check) => [check.id, check]));
      expect(checks.get('terraform')?.found).toContain('tofu at ');
      expect(checks.get('docker-provider')).toMatchObject({
        state: 'ok',
        found: expect.stringContaining(registry ?? 'no registry'),
      });
    });

    it('deploys, plans no change, deploys with plain cdktf, and destroys', async () => {
      const environment = await substrate.apply(planTopology(config), { ephemeral: false });
      expect(await environment.masterId()).toBe('redis-1');
      await environment[Symbol.asyncDispose]();
      expect((await substrate.plan(planTopology(config))).map(({ action }) => action)).toEqual(['keep']);
      // The deployment guide describes this setting for plain `cdktf`.
      vi.stubEnv('TERRAFORM_BINARY_NAME', 'tofu');
      vi.stubEnv('CDKTF_SKIP_PROVIDER_LOCK', 'true');
      const plain = await runPlainCdktf('deploy', config, state.path);
      expect(plain.exitCode, plain.text).toBe(0);
      expect((await substrate.destroy(config.name)).ended).toEqual(['redis-1']);
      expect(await partsOf(config.name)).toEqual([]);
    });
  });
});
