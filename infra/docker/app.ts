/**
 * The CDKTF app: `cdktf` runs it to synthesise every environment, one stack each. With KIT_STACKS only the named ones are
 * made, so that working with one environment gives no other one secrets.
 */
import { App } from 'cdktf';
import { environmentNames, loadEnvironment } from '../../config/load.ts';
import { dockerSettings } from './settings.ts';
import { addEnvironment } from './synthesis.ts';

const settings = dockerSettings();
const app = new App();
for (const name of settings.stacks ?? environmentNames()) {
  await addEnvironment(app, loadEnvironment(name), settings);
}
app.synth();
