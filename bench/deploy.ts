/**
 * Compares Terraform through CDKTF with a Compose file of the same eight containers, in one run: cold deploy until the
 * sentinels have a quorum, and destroy.
 *
 *   node bench/deploy.ts [rounds]
 *
 * The start-up (the CDKTF app and its synthesis, until the first call to Terraform) is measured
 * in the same runs and printed separately. Both deploys end with the same check: every sentinel reports the same
 * master, its replicas in sync, and all other sentinels.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadEnvironment } from '../config/load.ts';
import { runProgram } from '../infra/host/process.ts';
import { buildImages } from '../infra/substrates/docker/build-images.ts';
import { destroy } from '../infra/substrates/docker/destroy.ts';
import { engineVersion } from '../infra/substrates/docker/engine.ts';
import { chooseImages } from '../infra/substrates/docker/images.ts';
import { planDocker } from '../infra/substrates/docker/plan.ts';
import { renderFiles } from '../infra/substrates/docker/rendering.ts';
import { environmentDir } from '../infra/substrates/docker/state-files.ts';
import { deploy } from '../infra/substrates/docker/terraform.ts';
import { terraformProgram } from '../infra/substrates/docker/terraform-cli.ts';
import { planTopology } from '../infra/topology.ts';
import { type Configuration, composeFile } from './compose-file.ts';

const stateDir = resolve('.kit');
const plan = planDocker(planTopology(loadEnvironment('dev')));
const { environment } = plan;
const rounds = Number(process.argv[2] ?? 3);
const compose = await composeProgram();

/** Maximum duration of a deploy and a destroy, relative to Compose. */
const GOAL = 1.3;

interface Times {
  readonly deploy: number;
  readonly destroy: number;
}
interface TerraformTimes extends Times {
  /** Start-up times of deploy and destroy, in seconds. */
  readonly startUps: readonly number[];
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const record = await runProgram({ command, args, timeoutMs: 300_000 });
  if (record.exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${record.stderr}`);
  return record.stdout.trim();
}
async function seconds(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return (performance.now() - started) / 1_000;
}

/**
 * Runs Terraform through a wrapper that records the time of the first call; the time before that call is the start-up.
 */
async function terraformRound(): Promise<TerraformTimes> {
  const dir = mkdtempSync(join(tmpdir(), 'kit-bench-'));
  const note = join(dir, 'called');
  const program = join(dir, 'terraform');
  const script = `#!/bin/sh\n[ "$1" != init ] || date +%s.%N >${note}\nexec ${await terraformProgram()} "$@"\n`;
  writeFileSync(program, script, { mode: 0o755 });
  const split = async (act: () => Promise<unknown>) => {
    const started = Date.now() / 1_000;
    await act();
    const called = Number(readFileSync(note, 'utf8'));
    return { startUp: called - started, work: Date.now() / 1_000 - called };
  };
  try {
    const up = await split(() => deploy(environment, { stateDir, program }));
    const down = await split(() => destroy(environment, { stateDir, program, allowDestroy: true }));
    return { deploy: up.work, destroy: down.work, startUps: [up.startUp, down.startUp] };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** `docker compose`, or `docker-compose` if the plug-in is not installed. */
async function composeProgram(): Promise<readonly [command: string, ...args: string[]]> {
  const plugin = await runProgram({ command: 'docker', args: ['compose', 'version'] });
  return plugin.exitCode === 0 ? ['docker', 'compose'] : ['docker-compose'];
}

async function composeRound(configuration: Configuration): Promise<Times> {
  const dir = mkdtempSync(join(tmpdir(), 'kit-bench-'));
  try {
    const images = chooseImages(stateDir);
    await renderFiles(plan, images.facts, stateDir);
    const rendered = environmentDir(stateDir, environment.name);
    copyFileSync(join(rendered, 'files.tar'), join(dir, 'files.tar'));
    ownedCopy(join(rendered, 'files'), join(dir, 'conf'));
    chmodSync(dir, 0o755);
    const file = join(dir, 'compose.json');
    writeFileSync(file, JSON.stringify(composeFile(plan, { images, configuration, dir })));
    const [command, ...args] = [...compose, '--project-name', 'kit-bench', '--file', file];
    return {
      deploy: await seconds(async () => {
        await run(command, [...args, 'up', '--detach']);
        await run(command, [...args, 'run', '--rm', '--no-deps', 'ready']);
      }),
      destroy: await seconds(() => run(command, [...args, 'down', '--volumes'])),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Copies the files with the owner and mode that the init container sets. */
function ownedCopy(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  const below = readdirSync(to, { recursive: true, encoding: 'utf8' }).map((name) => join(to, name));
  for (const entry of [to, ...below]) {
    chownSync(entry, 999, 999);
    chmodSync(entry, 0o700);
  }
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Formats the median, followed by the figure of each round. */
const figures = (values: readonly number[]) =>
  `${median(values).toFixed(2)} (${values.map((value) => value.toFixed(2)).join(' ')})`;

/** Load average of the last minute. Other load slows both sides, but not by the same factor. */
const load = () => (loadavg()[0] ?? 0).toFixed(1);

await buildImages({ stateDir });
const loadBefore = load();
const ours: TerraformTimes[] = [];
const theirs: Record<Configuration, Times[]> = { volumes: [], folders: [] };
for (let round = 0; round < rounds; round += 1) {
  ours.push(await terraformRound());
  theirs.volumes.push(await composeRound('volumes'));
  theirs.folders.push(await composeRound('folders'));
}
const [command, ...args] = [...compose, 'version', '--short'];
const versions = `${compose.join(' ')} ${await run(command, args)} on Docker ${await engineVersion()}`;
process.stdout.write(
  `${versions}; ${rounds} rounds, medians in seconds, load ${loadBefore} before and ${load()} after\n`,
);
process.stdout.write(`start-up of the CDKTF app: ${figures(ours.flatMap(({ startUps }) => startUps))}\n`);
for (const what of ['deploy', 'destroy'] as const) {
  const mine = ours.map((times) => times[what]);
  process.stdout.write(`${what}\n  cdktf ${figures(mine)}\n`);
  for (const [configuration, times] of Object.entries(theirs)) {
    const other = times.map((each) => each[what]);
    const ratio = median(mine) / median(other);
    const verdict = ratio <= GOAL ? 'met' : 'missed';
    process.stdout.write(
      `  compose, configuration in ${configuration} ${figures(other)}: ${ratio.toFixed(2)} times, goal ${GOAL} ${verdict}\n`,
    );
  }
}
