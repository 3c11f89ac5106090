/** Time until a write reaches the disk, if the environment promises an append-only file. */
import { directiveRule } from './directive.ts';

export const flush = directiveRule(
  'flush',
  'an append-only file is flushed to disk at least once per second',
  [
    {
      directive: 'appendfsync',
      setting: 'redis.appendfsync',
      wanted: "'everysec' or 'always'",
      value: 'everysec',
      reason: 'the operating system decides when a write reaches the disk, typically after 30 s',
      holds: (value) => value === 'everysec' || value === 'always',
    },
    {
      directive: 'no-appendfsync-on-rewrite',
      setting: 'redis.extra',
      wanted: "'no'",
      value: 'no',
      reason: 'nothing is flushed while the file is rewritten, typically for 30 s',
      holds: (value) => value === 'no',
    },
  ],
  // Without an append-only file there is nothing to flush; `persistence` judges this case.
  ({ config }) => config?.get('appendonly') !== 'no',
);
