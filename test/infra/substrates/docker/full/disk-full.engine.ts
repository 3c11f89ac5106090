/** The disk that holds the state directory fills up before a deploy or during one. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadEnvironment } from '../../../../../config/load.ts';
import { environmentSchema } from '../../../../../config/schema.ts';
import { freeBytes } from '../../../../../infra/host/disk.ts';
import { runProgram } from '../../../../../infra/host/process.ts';
import { listLabelled } from '../../../../../infra/substrates/docker/engine.ts';
import { imagesFile } from '../../../../../infra/substrates/docker/images.ts';
import { LABEL } from '../../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../../infra/substrates/docker/substrate.ts';
import { terraformPlan } from '../../../../../infra/substrates/docker/terraform.ts';
import { planTopology } from '../../../../../infra/topology.ts';
import { waitUntil } from '../../../../support/redis-process.ts';
import { describeOnEngine, engineStateDir } from '../fixtures.ts';

const state = engineStateDir();
const disk = join(state.path, 'disk');
const ballast = join(disk, 'ballast');
const ports = { redis: 27_900, sentinel: 27_910, exporter: 27_920, commander: 27_921 };
const config = environmentSchema.parse({ ...loadEnvironment('single'), name: 'full', docker: { ports } });
const topology = planTopology(config);
const substrate = dockerSubstrate({ stateDir: disk });
const apply = (lines: string[] = []) =>
  substrate.apply(topology, { ephemeral: false, progress: (line) => lines.push(line) });

async function must(command: string, args: readonly string[]): Promise<void> {
  const record = await runProgram({ command, args });
  if (record.exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${record.stderr}`);
}

async function traces(): Promise<readonly string[]> {
  const kinds = ['container', 'volume', 'network'] as const;
  const label = `${LABEL.environment}=${config.name}`;
  return (await Promise.all(kinds.map((kind) => listLabelled(kind, label)))).flat();
}

/** Fills the disk completely. */
function fill(): void {
  for (let size = 2 ** 20; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(size, 1), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

// Only root can mount a small disk.
const suite = process.getuid?.() === 0 ? 'a full disk' : 'a full disk [skipped: only root can mount one]';

describeOnEngine(suite, () => {
  const onDisk = it.runIf(process.getuid?.() === 0);

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return;
    mkdirSync(disk);
    await must('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', disk]);
    mkdirSync(dirname(imagesFile(disk)), { recursive: true });
    await must('cp', [imagesFile(state.path), imagesFile(disk)]);
  });

  afterAll(async () => {
    rmSync(ballast, { force: true });
    try {
      await substrate.destroy(config.name);
    } finally {
      if (process.getuid?.() === 0) await must('umount', [disk]);
      state[Symbol.dispose]();
    }
    expect(await traces()).toEqual([]);
  });

  onDisk('before a deploy is reported, and nothing is started', async () => {
    fill();
    await expect(apply()).rejects.toMatchObject({
      code: 'DISK_FULL',
      where: disk,
      exitCode: 3,
      hint: expect.stringContaining('free disk space'),
    });
    expect(await traces()).toEqual([]);
    rmSync(ballast);
  });

  onDisk('in the middle of a deploy is reported, and the next deploy with free space completes', async () => {
    const deploying = apply().then(
      () => undefined,
      (error: unknown) => error,
    );
    await waitUntil('the deploy to be in the middle', async () => (await traces()).length > 4, 60_000);
    fill();
    expect(freeBytes(disk)).toBe(0);
    expect(await deploying).toMatchObject({ code: 'DISK_FULL', exitCode: expect.any(Number) });
    rmSync(ballast);
    expect(existsSync(ballast)).toBe(false);
    const environment = await apply();
    expect(await (await environment.admin('redis-1')).ping()).toBe('PONG');
    await environment[Symbol.asyncDispose]();
    expect((await terraformPlan(config, { stateDir: disk })).changes).toBe(false);
  });
});
