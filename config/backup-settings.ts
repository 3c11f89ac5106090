/** Backup settings, which do not affect the nodes of a running environment. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { means } from './meaning.ts';

const path = (what: string) =>
  z
    .string()
    .min(1)
    .transform((text) => resolve(text))
    .describe(`the path of a ${what}`);

export const backupSettings = z
  .strictObject({
    everyHours: z
      .number()
      .int()
      .min(1)
      .max(8_760)
      .default(24)
      .meta(means('Interval of backups: `kit backup --if-due` creates one if the newest is older.')),
    keep: z
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(7)
      .meta(means('Number of backups that `kit backup --prune` keeps; it removes older ones.')),
    dir: path('folder')
      .optional()
      .meta(
        means(
          'Folder of the backups, absolute or relative to the working directory. If omitted, `backups/<name>` in the state directory.',
        ),
      ),
    keyFile: path('key file')
      .optional()
      .meta(
        means('File with the 32-byte key that encrypts the backups. If omitted, they are not encrypted.'),
      ),
  })
  .optional()
  .meta(
    means('Schedule and retention of backups; cron or a systemd timer calls `kit backup --if-due --prune`.'),
  );
