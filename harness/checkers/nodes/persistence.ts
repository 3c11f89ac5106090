/** Whether every Redis node keeps its data on disk, and whether its last write to disk succeeded. */

import { mergeFindings, unansweredReason, wrongDirective } from './directive.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';

export const persistence = nodeRule({
  id: 'persistence',
  proves: 'every Redis node writes its data to disk, and its last write to disk succeeded',
  of: 'redis',
  judge: (view, about) => mergeFindings([judgeConfiguration(view, about), judgeLastSave(view)]),
});

function judgeConfiguration(view: NodeView, about: RuleContext): Judged {
  const { config } = view;
  if (config === undefined) return unansweredReason(about);
  const appendonly = config.get('appendonly');
  const save = config.get('save');
  if (appendonly === undefined || save === undefined) {
    return { wrong: [], checked: 0, missing: 'CONFIG GET appendonly save' };
  }
  if (appendonly === 'yes' || save !== '') return { wrong: [], checked: 2 };
  const demand = {
    directive: 'appendonly',
    setting: 'redis.appendonly, redis.save',
    wanted: "'yes', or a snapshot point in save, which is empty",
    value: 'yes',
    reason: 'a restart loses everything, and a master that restarts empty wipes its replicas',
  };
  return { wrong: [wrongDirective(view, about, demand, appendonly)], checked: 2 };
}

/** Fields of INFO that report the result of the last write to disk. */
const STATUSES = ['aof_last_write_status', 'aof_last_bgrewrite_status', 'rdb_last_bgsave_status'] as const;

function judgeLastSave({ id, info }: NodeView): Judged {
  if (info === undefined) return { wrong: [], checked: 0, missing: 'INFO' };
  const reported = STATUSES.flatMap((field) => {
    const live = info.get(field);
    return live === undefined ? [] : [{ field, live }];
  });
  const wrong = reported.flatMap(({ field, live }): Wrong[] =>
    live === 'ok'
      ? []
      : [
          {
            node: id,
            what: field,
            live,
            wanted: "'ok'",
            reason: 'the last write to disk failed, so the disk lacks data that is in memory',
            remedy: `${field} is '${live}': look at the node log and at the space on its disk.`,
          },
        ],
  );
  return { wrong, checked: reported.length };
}
