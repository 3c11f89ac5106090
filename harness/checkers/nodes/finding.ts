/**
 * Wrong values of nodes as a finding: a figure `wrong` that counts them, one reason and one remedy for each, and no figure at all
 * where a node was not heard. Pure.
 */
import type { CheckContext, Checker } from '../checker.ts';
import { type Finding, unknown, value } from '../selection.ts';
import { type NodeFacts, type NodeView, nodeFacts, nodeIds, type Taking, timeInWords } from './facts.ts';

/** A value that is not as it must be. */
export interface Wrong {
  readonly node: string;
  /** The directive, user or port that has it. */
  readonly what: string;
  readonly live: string;
  /** What it must be, in words: `yes`, `at least 1`. */
  readonly wanted: string;
  /** As the kit rendered it; undefined where it renders nothing of the kind. */
  readonly rendered?: string | undefined;
  /** Why it must be so, with the setting of the environment that it comes from. */
  readonly because: string;
  /** The command or the change that puts it right on this node. */
  readonly remedy: string;
}

/** What a rule says of one node in one taking: what is wrong, how many values it looked at, and what it could not see. */
export interface Judged {
  readonly wrong: readonly Wrong[];
  readonly checked: number;
  /** What was not answered, in words: `CONFIG GET`. */
  readonly missing?: string;
}

export interface NodeRule {
  readonly id: string;
  readonly proves: string;
  readonly of: 'redis' | 'sentinel' | 'all';
  /** Takings that must show it. Default: those at the start and at the end. */
  judge(view: NodeView, about: RuleContext): Judged;
}

export interface RuleContext extends CheckContext {
  readonly facts: NodeFacts;
  readonly taking: Taking;
}

const MOST_IN_WORDS = 3;

const ATTACHED_REMEDY =
  'The kit sends neither CONFIG nor ACL to an attached server: ask its operator. Once it is known to be right, waive the criterion in config/gates.yaml with owner, reason and expiry.';

/** What is not known of servers that somebody else runs, another run does not tell either. */
export function advised(finding: Finding, { substrate }: CheckContext): Finding {
  return finding.validity === 'unknown' && substrate === 'attached'
    ? { ...finding, remedy: ATTACHED_REMEDY }
    : finding;
}

/** A checker that asks the same question of every node, in every taking. Its figure is `wrong`. */
export function nodeRule(rule: NodeRule): Checker {
  return {
    id: rule.id,
    proves: rule.proves,
    check(history, context) {
      const facts = nodeFacts(history);
      const ids = rule.of === 'all' ? (['redis', 'sentinel'] as const) : ([rule.of] as const);
      const nodes = ids.flatMap((role) => nodeIds(role, context, facts));
      const judged = facts.takings.flatMap((taking) =>
        nodes.map((id) => ({
          id,
          taking,
          ...rule.judge(taking.nodes.get(id) ?? { id }, { ...context, facts, taking }),
        })),
      );
      const finding = findingOf(
        judged.flatMap(({ wrong, taking }) => wrong.map((each) => ({ ...each, taking }))),
        judged.reduce((sum, { checked }) => sum + checked, 0),
        [...absentTakings(facts, nodes), ...missingIn(judged)],
      );
      return advised(finding, context);
    },
  };
}

/** Takings without which a run says nothing. */
function absentTakings({ takings }: NodeFacts, nodes: readonly string[]): readonly string[] {
  if (nodes.length === 0) return ['no node was asked'];
  return (['start', 'end'] as const)
    .filter((when) => !takings.some((taking) => taking.when === when))
    .map((when) => `the nodes were not asked at the ${when} of the run`);
}

function missingIn(
  judged: readonly (Judged & { readonly id: string; readonly taking: Taking })[],
): readonly string[] {
  return judged.flatMap(({ missing, id, taking }) =>
    missing === undefined || taking.when === 'between'
      ? []
      : [`${id} did not answer ${missing} ${timeInWords(taking)}`],
  );
}

/** A wrong value in several takings counts once, by the first. */
export function findingOf(
  wrong: readonly (Wrong & { readonly taking: Taking })[],
  checked: number,
  absent: readonly string[],
): Finding {
  const distinct = [
    ...new Map(wrong.toReversed().map((each) => [`${each.node} ${each.what} ${each.live}`, each])).values(),
  ].reverse();
  if (distinct.length > 0) {
    return {
      validity: 'invalid',
      reasons: few(distinct.map(inWords)),
      remedies: few([...new Set(distinct.map(({ node, remedy }) => `${node}: ${remedy}`))]),
      figures: { wrong: value(distinct.length, 'values', Math.max(checked, distinct.length)) },
    };
  }
  if (absent.length > 0) return { ...unknown(few(absent).join('; ')) };
  if (checked === 0) return unknown('no node reports a value to judge');
  return { validity: 'valid', reasons: [], figures: { wrong: value(0, 'values', checked) } };
}

function inWords({
  node,
  what,
  live,
  wanted,
  rendered,
  because,
  taking,
}: Wrong & { readonly taking: Taking }): string {
  const asRendered = rendered === undefined ? '' : `, rendered ${quoted(rendered)}`;
  return `${node}: ${what} is ${quoted(live)} ${timeInWords(taking)}, must be ${wanted}${asRendered}: ${because}`;
}

export function quoted(text: string): string {
  return `'${text}'`;
}

function few(texts: readonly string[]): readonly string[] {
  if (texts.length <= MOST_IN_WORDS) return texts;
  return [...texts.slice(0, MOST_IN_WORDS), `and ${texts.length - MOST_IN_WORDS} more`];
}
