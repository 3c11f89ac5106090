/**
 * Helpers for tests on the engine: a state directory with this machine's images, and small environments on separate
 * ports.
 */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, inject } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { runProgram } from '../../../../infra/host/process.ts';
import { ownerOf } from '../../../../infra/substrates/docker/checkout-id.ts';
import { listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { imagesFile } from '../../../../infra/substrates/docker/images.ts';
import { LABEL } from '../../../../infra/substrates/docker/plan.ts';
import { synthesisDir } from '../../../../infra/substrates/docker/terraform-cli.ts';
import { type StateDir, temporaryStateDir } from '../local/fixtures.ts';

/** A state directory in which every test uses the images that the suite's setup built or found. */
export function engineStateDir(): StateDir {
  // If all tests in a file are skipped, no hook runs, so nothing may be created that a hook would have to remove.
  if (inject('missing').deploy !== '') return { path: '/nowhere', [Symbol.dispose]: () => {} };
  const state = temporaryStateDir();
  const built = imagesFile(resolve('.kit'));
  if (existsSync(built)) {
    mkdirSync(dirname(imagesFile(state.path)), { recursive: true });
    cpSync(built, imagesFile(state.path));
  }
  return state;
}

/** Labels that a deploy from a state directory sets, as options for `docker create` and `docker network create`. */
export function deployLabels(environment: EnvironmentConfig, stateDir: string): readonly string[] {
  const labels = [
    `${LABEL.environment}=${environment.name}`,
    `${LABEL.owner}=${ownerOf(environment, stateDir).id}`,
  ];
  return labels.flatMap((label) => ['--label', label]);
}

/** Names of the containers, volumes and networks of an environment on the engine. */
export async function partNames(environment: string): Promise<readonly string[]> {
  const label = `${LABEL.environment}=${environment}`;
  const kinds = ['container', 'volume', 'network'] as const;
  return (await Promise.all(kinds.map((kind) => listLabelled(kind, label)))).flat();
}

const PROJECT = resolve(import.meta.dirname, '../../../..');

/** Runs `npx cdktf` like a user without a terminal, with this state directory and this YAML. */
export async function runPlainCdktf(
  verb: 'deploy' | 'destroy',
  environment: EnvironmentConfig,
  stateDir: string,
): Promise<{ readonly exitCode: number | null; readonly text: string }> {
  const file = join(stateDir, 'plain.yaml');
  writeFileSync(file, JSON.stringify(environment));
  const bin = join(PROJECT, 'node_modules', '.bin');
  const { exitCode, stdout, stderr } = await runProgram({
    command: join(bin, 'cdktf'),
    args: [verb, environment.name, '--auto-approve', '--output', synthesisDir(stateDir)],
    cwd: PROJECT,
    env: {
      ...{ KIT_STACKS: file, KIT_STATE_DIR: stateDir, CHECKPOINT_DISABLE: '1', TMPDIR: stateDir },
      PATH: [bin, process.env.PATH ?? ''].join(delimiter),
      // A path that does not exist would cause a warning on every line, even in OpenTofu's JSON output.
      ...(existsSync(process.env.TF_CLI_CONFIG_FILE ?? '') ? {} : { TF_CLI_CONFIG_FILE: '' }),
    },
    timeoutMs: 120_000,
  });
  return { exitCode, text: stripVTControlCharacters(`${stdout}${stderr}`) };
}

/**
 * The environment `dev` on ports that no other environment on this machine publishes. A sentinel counts a node as down
 * after 3 s, so that a busy machine does not cause a failover.
 */
export function configuration(
  name: string,
  change: Partial<Pick<EnvironmentConfig, 'security' | 'topology'>> = {},
  firstPort = 27_300,
): EnvironmentConfig {
  const dev = loadEnvironment('dev');
  const ports = {
    redis: firstPort,
    sentinel: firstPort + 10,
    exporter: firstPort + 20,
    commander: firstPort + 21,
  };
  const sentinel = { ...dev.sentinel, downAfterMs: 3_000 };
  return environmentSchema.parse({ ...dev, name, sentinel, ...change, docker: { ports } });
}

/**
 * A cluster of three masters with one replica each, on separate ports. It detects a failed master after 2 s, so that a
 * busy machine does not cause a failover.
 */
export function clusterConfiguration(name: string, firstPort: number): EnvironmentConfig {
  const cluster = loadEnvironment('cluster', { 'cluster.nodeTimeoutMs': 2_000 });
  const ports = { redis: firstPort, exporter: firstPort + 20, commander: firstPort + 21 };
  return environmentSchema.parse({ ...cluster, name, docker: { ports } });
}

/**
 * Declares a suite that needs the engine and, if it deploys, Terraform with its plugin. If one of them is missing, each
 * test is reported by name as skipped, with the reason.
 */
export function describeOnEngine(
  name: string,
  body: () => void,
  needs: 'deploy' | 'engine' = 'deploy',
): void {
  describeWith(name, inject('missing')[needs], body);
}

/** Declares a suite that is skipped, with the reason in its title, if something is missing. */
export function describeWith(name: string, missing: string, body: () => void): void {
  describe.runIf(missing === '')(missing === '' ? name : `${name} [skipped: ${missing}]`, body);
}
