/**
 * Settings for a canary rollout: `config/canary.yaml`, validated and frozen. The comments in that file explain them.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { validate } from './validate.ts';
import { readYaml } from './yaml.ts';

const DEFAULT_FILE = join(import.meta.dirname, 'canary.yaml');

const HOUR_MS = 3_600_000;
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,40}$/)
  .describe('at most 41 lower-case letters, digits and dashes');
const integer = (min: number, max: number) => z.number().int().min(min).max(max);
const between = (min: number, max: number) =>
  z.number().gt(min).lt(max).describe(`a number between ${min} and ${max}`);
const ratio = between(0, 1);
const shareOrZero = z.number().min(0).max(1).describe('a number from 0 to 1');

const stages = z
  .array(z.number().gt(0).max(100).describe('a number greater than 0 and at most 100'))
  .min(1)
  .max(20)
  .refine(
    (all) => all.every((share, i) => i === 0 || share > (all[i - 1] ?? 0)),
    'must be ascending shares in percent',
  );

const canarySchema = z.strictObject({
  flag: name,
  redis: z.strictObject({
    database: integer(0, 65_535),
    clusterSuffix: name,
    namespace: z
      .string()
      .regex(/^[^\s{}]{1,100}$/)
      .describe('1 to 100 characters without spaces or braces'),
  }),
  rollout: z.strictObject({
    stages,
    minStageSeconds: integer(0, 604_800),
    minRequests: integer(1, 1_000_000_000),
  }),
  judge: z.strictObject({
    lookMs: integer(20, HOUR_MS),
    restartMinutes: z.number().gt(0).max(1440),
    errorAlpha: ratio,
    latencyAlpha: ratio,
    errorMargin: ratio,
    confidence: between(0.5, 1),
    slowMargin: ratio,
    holdAtEvidence: z.number().min(0.01).max(1000),
    hitRatioMin: shareOrZero,
    hitRatioMinLookups: integer(1, 1_000_000_000),
    sampleRatioP: ratio,
  }),
  guard: z.strictObject({
    memoryRatioMax: shareOrZero,
    evictionsPerSecondMax: z.number().min(0),
    rejectedConnectionsMax: integer(0, 1_000_000_000),
    pingMsMax: z.number().gt(0).max(60_000),
    controlErrorRatioMax: shareOrZero,
    controlP95MsMax: z.number().gt(0).max(100_000),
    minRequests: integer(1, 1_000_000_000),
    breachLooks: integer(1, 1000),
    resumeLooks: integer(1, 10_000),
  }),
  metrics: z.strictObject({
    flushMs: integer(10, 60_000),
    minBatch: integer(1, 100_000),
    maxDelayMs: integer(10, 600_000),
    maxProcesses: integer(1, 100_000),
    maxUsers: integer(100, 1_000_000),
    windowMinutes: z.number().gt(0).max(10_080),
  }),
  log: z.strictObject({
    maxEntries: integer(10, 1_000_000),
    snapshotEvery: integer(1, 100_000),
  }),
});

/** Settings for a rollout. Stage shares are percentages; every other ratio is between 0 and 1. */
export type CanaryConfig = z.infer<typeof canarySchema>;

/**
 * Loads the settings for a rollout.
 *
 * @param file path of a YAML file; default: the kit's `config/canary.yaml`
 * @throws KitError `CONFIG_INVALID`, `CONFIG_SYNTAX` or `CONFIG_UNREADABLE` with file, line, path, value and allowed
 * values
 */
export function loadCanary(file: string = DEFAULT_FILE): CanaryConfig {
  return validate(canarySchema, readYaml(file));
}
