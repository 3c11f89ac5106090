/** `rename-command` lines in sequence: each changes the command table for the next one. */
import { commandNames } from '../../grammar/commands.ts';
import { isNewerThanMeasured } from '../known-servers.ts';
import { type Reading, type Refusal, refusal } from './refusal.ts';

export function renameRefusals({ lines, server, mode }: Reading): readonly Refusal[] {
  const all = commandNames(server, mode);
  const table = new Set([...all].filter((name) => !name.includes('|')));
  const found: Refusal[] = [];
  for (const line of lines) {
    if (line.name !== 'rename-command' || line.args.length !== 2) continue;
    const [from = '', to = ''] = line.args.map((arg) => arg.toLowerCase());
    if (!table.has(from)) {
      const isSubcommand = all.has(from);
      const reason = isSubcommand
        ? `'${line.args[0]}' is a subcommand; only whole commands can be renamed`
        : `'${line.args[0]}' is not a command of this server, or is already renamed`;
      // Modules are loaded later, so their commands cannot be renamed.
      const isCertain = isSubcommand || !isNewerThanMeasured(server);
      found.push(refusal(line, reason, 'correct the name, or remove the line', { isCertain }));
      continue;
    }
    table.delete(from);
    if (to === '') continue;
    if (table.has(to)) {
      const reason = `the new name '${line.args[1]}' is already a command`;
      found.push(refusal(line, reason, 'choose an unused name, or "" to remove the command'));
    }
    table.add(to);
  }
  return found;
}
