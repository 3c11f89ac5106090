/**
 * The path of the webhook is a secret, so the webhook is never stored in the state, and a changed webhook is not
 * reported as a difference for an environment on Docker.
 */
import { App, Testing } from 'cdktf';
import { afterAll, expect, it } from 'vitest';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { configDifferences } from '../../../../infra/substrates/config-differences.ts';
import { appliedIn } from '../../../../infra/substrates/docker/applied-configuration.ts';
import type { State } from '../../../../infra/substrates/docker/state.ts';
import { addEnvironment } from '../../../../infra/substrates/docker/synthesis.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

const WEBHOOK = 'https://hooks.example.org/services/T0123/B4567/tokenOfTheChannel';
const PARTS = ['hooks.example.org', 'T0123', 'B4567', 'tokenOfTheChannel'];
const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

function withWebhook(webhook?: string): EnvironmentConfig {
  return environmentSchema.parse({ ...configuration('alerting'), observability: { webhook } });
}

const stateOf = (applied: EnvironmentConfig): State => ({
  resources: [
    {
      type: 'terraform_data',
      name: 'applied_configuration_0123',
      instances: [{ attributes: { input: { value: { configuration: JSON.stringify(applied) } } } }],
    },
  ],
});

it('no part of the webhook is in the synthesised text', async () => {
  const app = new App({ outdir: `${state.path}/out` });
  const settings = { stateDir: state.path, allowDestroy: undefined, ordered: false };
  const text = Testing.synth(await addEnvironment(app, withWebhook(WEBHOOK), settings));
  expect(text).toContain('observability');
  for (const part of PARTS) expect(text).not.toContain(part);
});

it('the applied configuration contains the current webhook, even if an earlier version stored another one', () => {
  const current = withWebhook(WEBHOOK);
  expect(appliedIn(stateOf(withWebhook()), current)).toEqual(current);
  expect(appliedIn(stateOf(withWebhook('https://former.example.org/token')), current)).toEqual(current);
  expect(appliedIn(stateOf(current), withWebhook())).toEqual(withWebhook());
});

it('a difference names the host of a webhook, but not its path', () => {
  const other = 'https://user:password@hooks.example.org/services/otherToken';
  expect(configDifferences(withWebhook(WEBHOOK), withWebhook(other))).toEqual([
    'observability.webhook: running with "https://hooks.example.org/[redacted]", configured as "https://hooks.example.org/[redacted]"',
  ]);
  expect(configDifferences(withWebhook(), withWebhook(WEBHOOK))).toEqual([
    'observability.webhook: running with nothing, configured as "https://hooks.example.org/[redacted]"',
  ]);
});
