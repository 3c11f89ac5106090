/**
 * The CDKTF app: `cdktf` runs it to synthesise every environment, one stack each.
 *
 * config ─▶ plan ─▶ files (0600, under the state directory) ─▶ stack. With KIT_STACKS only the named ones are made, so
 * that working with one environment gives no other one secrets.
 */
import { join, relative } from 'node:path';
import { App } from 'cdktf';
import { environmentNames, loadEnvironment } from '../../config/load.ts';
import { secretsFile } from '../../config/secrets.ts';
import { planTopology } from '../topology.ts';
import { environmentDir, renderFiles } from './files.ts';
import { chooseImages } from './images.ts';
import { planDocker } from './plan.ts';
import { dockerSettings } from './settings.ts';
import { EnvironmentStack } from './stack.ts';

const settings = dockerSettings();
const app = new App();
for (const name of settings.stacks ?? environmentNames()) {
  const plan = planDocker(planTopology(loadEnvironment(name)));
  const images = chooseImages(settings.stateDir);
  const { files, hashes } = await renderFiles(plan, images.facts, settings.stateDir);
  const stackDir = join(app.outdir, 'stacks', plan.environment.name);
  const fromStack = (path: string) => relative(stackDir, path);
  new EnvironmentStack(app, {
    plan,
    images,
    files: files.map((file) => ({ ...file, source: fromStack(file.source) })),
    hashes,
    statePath: fromStack(join(environmentDir(settings.stateDir, plan.environment.name), 'terraform.tfstate')),
    secretsPath: relative(
      process.cwd(),
      secretsFile(plan.environment.name, join(settings.stateDir, 'docker')),
    ),
    allowDestroy: settings.allowDestroy === plan.environment.name,
  });
}
app.synth();
