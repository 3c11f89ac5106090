/**
 * Returns the node to start from: the one that was chosen, or the one that the user named. Otherwise throws an error
 * with the remedies. Pure.
 */
import { EXIT, KitError } from '../../config/errors.ts';
import { type Choice, describeData, type NodeData } from './choose.ts';

export interface SourceRequest {
  /** Node that the user named. */
  readonly from?: string | undefined;
  readonly environment: string;
  /** `kit recover` with its options, for hints. */
  readonly command: string;
}

/** Returns the node. @throws KitError `RECOVERY_REFUSED`, `RECOVERY_UNDECIDED`, `DATA_DAMAGED` */
export function sourceOf(
  { choice, nodes }: { readonly choice: Choice; readonly nodes: readonly NodeData[] },
  { from, environment, command }: SourceRequest,
): string {
  if (from !== undefined) {
    const data = nodes.find(({ nodeId }) => nodeId === from);
    if (data?.state === 'usable') return from;
    throw new KitError(`cannot start from ${from}: ${describeData(data, from)}`, {
      code: 'RECOVERY_REFUSED',
      hint: `use a node with usable data; ${command} lists the data of each`,
    });
  }
  if (choice.kind === 'start') return choice.nodeId;
  if (choice.kind === 'ask') {
    throw new KitError(choice.reason, {
      code: 'RECOVERY_UNDECIDED',
      exitCode: EXIT.UNKNOWN,
      where: `environment '${environment}'`,
      hint: `nothing was started; ${command} --from ${choice.candidates.join(' or ')} starts from that node and sets the data of the others aside`,
    });
  }
  throw new KitError(`no node has usable data: ${choice.reason}`, {
    code: 'DATA_DAMAGED',
    exitCode: EXIT.UNKNOWN,
    where: `environment '${environment}'`,
    hint: 'nothing was started or removed; see docs/runbook.md, "Damaged or lost data"',
  });
}
