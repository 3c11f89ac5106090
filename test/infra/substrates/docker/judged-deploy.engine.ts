/** Judges an environment that plain `cdktf deploy` has created: the drills run on its containers and leave them running. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { EXIT } from '../../../../config/errors.ts';
import { loadEnvironment } from '../../../../config/load.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import { secretsFile } from '../../../../config/secrets.ts';
import { filesBelow } from '../../../../harness/evidence/run-folder.ts';
import { inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { readValues } from '../../../../infra/substrates/docker/generated-values.ts';
import { partsOf } from '../../../../infra/substrates/docker/ownership.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { CliHarness } from '../../../support/cli-harness.ts';
import { filesContaining, readPasswords } from '../../../support/passwords.ts';
import { describeOnEngine, engineStateDir, runPlainCdktf } from './fixtures.ts';

const ports = { redis: 29_600, exporter: 29_620, commander: 29_621 };
const single = loadEnvironment('single');
/** The path of a webhook is a secret, like a password. */
const WEBHOOK_TOKEN = 'tokenOfTheChannel';
const config = environmentSchema.parse({
  ...single,
  name: 'judged',
  observability: { ...single.observability, webhook: `https://hooks.example.org/${WEBHOOK_TOKEN}` },
  docker: { ports },
});
const [node] = planDocker(planTopology(config)).nodes;
const DRILLS = ['security', 'hit-miss', 'write-paths', 'configuration'];

const containerId = async () =>
  (await inspectContainers([node?.container ?? ''])).get(node?.container ?? '')?.Id;

describeOnEngine('an environment that plain cdktf has deployed', () => {
  const state = engineStateDir();
  const cli = new CliHarness();

  beforeAll(async () => {
    // The deployment guide names this setting for a plugin in a local directory.
    vi.stubEnv('CDKTF_SKIP_PROVIDER_LOCK', 'true');
    const { exitCode, text } = await runPlainCdktf('deploy', config, state.path);
    expect(exitCode, text).toBe(0);
  }, 180_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await cli[Symbol.asyncDispose]();
    await dockerSubstrate({ stateDir: state.path }).destroy(config.name);
    expect(await partsOf(config.name)).toEqual([]);
    state[Symbol.dispose]();
  }, 120_000);

  it('is judged with evidence that can be verified, and its containers keep running', async () => {
    const before = await containerId();
    const env = { KIT_STATE_DIR: state.path };
    const file = cli.writeFile('judged.yaml', JSON.stringify(config));
    const run = ['--env', file, '--substrate', 'docker', '--out', 'run'];
    const judged = await cli.start(['drill', ...DRILLS, ...run], { env }).waitForExit();
    const report = cli.expectNoFailures(judged, 'run');
    expect(report.run).toMatchObject({ environment: config.name, substrate: 'docker' });
    const passed = report.verdict.criteria.filter(({ state: of }) => of === 'PASS').map(({ id }) => id);
    expect(passed).toEqual(expect.arrayContaining(['security', 'writes-stored', 'configuration-drift']));
    expect((await cli.runKit('verify', 'run')).exitCode).toBe(EXIT.GO);
    expect(before).toBeDefined();
    expect(await containerId()).toBe(before);
  }, 180_000);

  it('is judged without a secret in the evidence', () => {
    const folder = join(cli.path, 'run');
    const passwords = readPasswords(secretsFile(config.name, join(state.path, 'docker')));
    const secrets = [...passwords, readValues(state.path, config.name).commanderPassword, WEBHOOK_TOKEN];
    for (const secret of secrets) expect(secret.length).toBeGreaterThan(15);
    expect(passwords.length).toBeGreaterThan(3);
    expect(filesBelow(folder)).toEqual(
      expect.arrayContaining(['report.html', 'logs/redis-1.log', 'logs/programs.jsonl']),
    );
    expect(filesContaining(folder, secrets)).toEqual([]);
  });
});
