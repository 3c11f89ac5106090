/** Adds one environment to a CDKTF app: config ─▶ plan ─▶ files (0600, under the state directory) ─▶ stack. */
import { join, relative } from 'node:path';
import type { App } from 'cdktf';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { planTopology } from '../../topology.ts';
import { caFile } from './certificates.ts';
import { NO_OWNER, ownerOf } from './checkout-id.ts';
import { commanderPasswordFile, dockerSecretsFile, secretPathsOf } from './generated-values.ts';
import { chooseImages } from './images.ts';
import { planDocker } from './plan.ts';
import { previewFiles, renderFiles } from './rendering.ts';
import type { DockerSettings } from './settings.ts';
import { EnvironmentStack } from './stack.ts';
import { isStateEmpty, restoreTruncatedState } from './state.ts';
import { environmentDir } from './state-files.ts';

export interface SynthesisOptions {
  /** Reason why deploying and destroying the environment must fail. */
  readonly refusal?: string | undefined;
  /**
   * Whether the call only lists the environment name. In that case no passwords are generated and nothing is written
   * below the state directory.
   */
  readonly isListed?: boolean;
}

export async function addEnvironment(
  app: App,
  environment: EnvironmentConfig,
  { stateDir, allowDestroy, ordered }: Pick<DockerSettings, 'stateDir' | 'allowDestroy' | 'ordered'>,
  { refusal, isListed = false }: SynthesisOptions = {},
): Promise<EnvironmentStack> {
  const { name } = environment;
  const plan = planDocker(planTopology(environment));
  // Called here, so that plain `cdktf deploy` repairs the state as well.
  if (!isListed) restoreTruncatedState(environment, stateDir);
  const images = chooseImages(stateDir, environment);
  const { archives, hashes } = await (isListed ? previewFiles : renderFiles)(plan, images.facts, stateDir);
  // Terraform runs in the stack's folder; relative paths keep the text independent of the machine.
  const fromStack = (path: string) => relative(join(app.outdir, 'stacks', name), path);
  const fromProject = (path: string) => relative(join(stateDir, '..'), path);
  return new EnvironmentStack(app, {
    plan,
    owner: isListed ? NO_OWNER : ownerOf(environment, stateDir),
    refusal,
    images,
    archives: archives.map((archive) => ({ ...archive, source: fromStack(archive.source) })),
    hashes,
    secretPaths: secretPathsOf(stateDir, name).map(fromStack),
    statePath: fromStack(join(environmentDir(stateDir, name), 'terraform.tfstate')),
    files: {
      secrets: fromProject(dockerSecretsFile(stateDir, name)),
      commanderPassword: fromProject(commanderPasswordFile(stateDir, name)),
      ca: fromProject(caFile(stateDir, name)),
    },
    allowDestroy: allowDestroy === name,
    cold: !ordered && isStateEmpty(environment, stateDir),
  });
}
