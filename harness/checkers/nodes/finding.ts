/**
 * Reports wrong values of nodes as a finding: a figure `wrong` that counts them, and one reason and one remedy per
 * value. If a node did not reply, the finding has a figure only if a value is wrong. Pure.
 */
import type { CheckContext, Checker } from '../checker.ts';
import { type Finding, unknownResult, valueFigure } from '../history-queries.ts';
import { type NodeFacts, type NodeView, nodeFacts, nodeIds, type Probe, timeInWords } from './facts.ts';

/** A value that violates a rule. */
export interface Wrong {
  readonly node: string;
  /** Directive, user or port that has the wrong value. */
  readonly what: string;
  readonly live: string;
  /** Description of the required value: `yes`, `at least 1`. */
  readonly wanted: string;
  /** The value that the kit rendered; undefined if the kit does not render this value. */
  readonly rendered?: string | undefined;
  /** Reason for the requirement, with the setting of the environment that it comes from. */
  readonly reason: string;
  /** Command or change that corrects the value on this node. */
  readonly remedy: string;
}

/**
 * Judgement of one node in one probe: the wrong values, the number of judged values, and the reply that was missing.
 */
export interface Judged {
  readonly wrong: readonly Wrong[];
  readonly checked: number;
  /** Command without a reply: `CONFIG GET`. */
  readonly missing?: string;
}

export interface NodeRule {
  readonly id: string;
  readonly proves: string;
  readonly of: 'redis' | 'sentinel' | 'watchdog' | 'all';
  /** Judges the replies of one node in one probe. */
  judge(view: NodeView, about: RuleContext): Judged;
}

export interface RuleContext extends CheckContext {
  readonly facts: NodeFacts;
  readonly probe: Probe;
}

const MOST_IN_WORDS = 3;

const EXTERNAL_REMEDY =
  'The kit sends neither CONFIG nor ACL to an external server: ask its operator. Once the operator has confirmed the setting, waive the criterion in config/gates.yaml with owner, reason and expiry.';

/** Adds the advice for external servers, because another run would not measure anything more on them. */
export function withAdvice(finding: Finding, { substrate }: CheckContext): Finding {
  return finding.validity === 'unknown' && substrate === 'external'
    ? { ...finding, remedy: EXTERNAL_REMEDY }
    : finding;
}

/** Returns a checker that applies the same rule to every node, in every probe. Its figure is `wrong`. */
export function nodeRule(rule: NodeRule): Checker {
  return {
    id: rule.id,
    proves: rule.proves,
    check(history, context) {
      const facts = nodeFacts(history);
      const ids = rule.of === 'all' ? (['redis', 'sentinel'] as const) : ([rule.of] as const);
      const nodes = ids.flatMap((role) => nodeIds(role, context, facts));
      const judged = facts.probes.flatMap((probe) =>
        nodes.map((id) => ({
          id,
          probe,
          ...rule.judge(probe.nodes.get(id) ?? { id }, { ...context, facts, probe }),
        })),
      );
      const finding = findingOf(
        judged.flatMap(({ wrong, probe }) => wrong.map((each) => ({ ...each, probe }))),
        judged.reduce((sum, { checked }) => sum + checked, 0),
        [...absentProbes(facts, nodes), ...missingIn(judged)],
      );
      return withAdvice(finding, context);
    },
  };
}

/** Describes the required probes that are missing. */
function absentProbes({ probes }: NodeFacts, nodes: readonly string[]): readonly string[] {
  if (nodes.length === 0) return ['no node was queried'];
  return (['start', 'end'] as const)
    .filter((when) => !probes.some((probe) => probe.when === when))
    .map((when) => `the nodes were not queried at the ${when} of the run`);
}

function missingIn(
  judged: readonly (Judged & { readonly id: string; readonly probe: Probe })[],
): readonly string[] {
  return judged.flatMap(({ missing, id, probe }) =>
    missing === undefined || probe.when === 'between'
      ? []
      : [`${id} did not answer ${missing} ${timeInWords(probe)}`],
  );
}

/**
 * Combines the judgements. A wrong value that occurs in several probes is counted once, for the first of these probes.
 */
export function findingOf(
  wrong: readonly (Wrong & { readonly probe: Probe })[],
  checked: number,
  absent: readonly string[],
): Finding {
  const distinct = [
    ...new Map(wrong.toReversed().map((each) => [`${each.node} ${each.what} ${each.live}`, each])).values(),
  ].reverse();
  if (distinct.length > 0) {
    return {
      validity: 'invalid',
      reasons: limitTexts(distinct.map(inWords)),
      remedies: limitTexts([...new Set(distinct.map(({ node, remedy }) => `${node}: ${remedy}`))]),
      figures: { wrong: valueFigure(distinct.length, 'values', Math.max(checked, distinct.length)) },
    };
  }
  if (absent.length > 0) return { ...unknownResult(limitTexts(absent).join('; ')) };
  if (checked === 0) return unknownResult('no node reports a value to judge');
  return { validity: 'valid', reasons: [], figures: { wrong: valueFigure(0, 'values', checked) } };
}

function inWords({
  node,
  what,
  live,
  wanted,
  rendered,
  reason,
  probe,
}: Wrong & { readonly probe: Probe }): string {
  const asRendered = rendered === undefined ? '' : `, rendered ${quoteText(rendered)}`;
  return `${node}: ${what} is ${quoteText(live)} ${timeInWords(probe)}, must be ${wanted}${asRendered}: ${reason}`;
}

export function quoteText(text: string): string {
  return `'${text}'`;
}

function limitTexts(texts: readonly string[]): readonly string[] {
  if (texts.length <= MOST_IN_WORDS) return texts;
  return [...texts.slice(0, MOST_IN_WORDS), `and ${texts.length - MOST_IN_WORDS} more`];
}
