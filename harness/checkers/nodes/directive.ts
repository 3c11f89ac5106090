/** Rules about individual directives of Redis nodes: the required value, its reason, and its correction. Pure. */
import { canonicalValue, defaultValue } from '../../../infra/redis/conf/directive-values.ts';
import type { Checker } from '../checker.ts';
import { familyOf, type NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';

export interface Demand {
  /** Canonical name of the directive. */
  readonly directive: string;
  /** Setting in the environment's file from which the directive is rendered. */
  readonly setting: string;
  /** Description of the required value. */
  readonly wanted: string;
  /** Value that satisfies the rule. The remedy names it if the rendered value does not satisfy the rule. */
  readonly value: string;
  readonly reason: string;
  /** Whether the value satisfies the rule. @param value value in canonical form */
  holds(value: string, about: RuleContext): boolean;
}

/** Returns a checker that judges directives on every Redis node. */
export function directiveRule(
  id: string,
  proves: string,
  demands: readonly Demand[],
  applies: (view: NodeView, about: RuleContext) => boolean = () => true,
): Checker {
  return nodeRule({
    id,
    proves,
    of: 'redis',
    judge(view, about) {
      if (view.config === undefined) return unansweredReason(about);
      if (!applies(view, about)) return { wrong: [], checked: 1 };
      return mergeFindings(demands.map((demand) => checkDirective(view, about, demand)));
    },
  });
}

/** Returns the judgement of a node that did not report its directives. */
export function unansweredReason({ substrate }: RuleContext): Judged {
  const why = substrate === 'external' ? ', which is not sent to a server that the kit does not run,' : '';
  return { wrong: [], checked: 0, missing: `CONFIG GET${why}` };
}

export function checkDirective(view: NodeView, about: RuleContext, demand: Demand): Judged {
  const live = view.config?.get(demand.directive);
  if (live === undefined) return { wrong: [], checked: 0, missing: `CONFIG GET ${demand.directive}` };
  if (demand.holds(live, about)) return { wrong: [], checked: 1 };
  return { wrong: [wrongDirective(view, about, demand, live)], checked: 1 };
}

export function wrongDirective(
  view: NodeView,
  about: RuleContext,
  { directive, setting, wanted, value, reason }: Omit<Demand, 'holds'>,
  live: string,
): Wrong {
  const rendered = renderedValue(view, about, directive);
  return {
    node: view.id,
    what: directive,
    live,
    wanted,
    rendered,
    reason: `${reason} (${setting})`,
    remedy: remedyFor({ directive, setting, value, live, rendered }),
  };
}

/**
 * Returns the remedy: a value that differs from the file is corrected on the node; a value that is wrong in the file is
 * corrected there.
 */
function remedyFor(of: {
  readonly directive: string;
  readonly setting: string;
  readonly value: string;
  readonly live: string;
  readonly rendered: string | undefined;
}): string {
  const { directive, setting, value, live, rendered } = of;
  if (rendered !== undefined && rendered !== live) {
    return `${directive} is '${live}', rendered '${rendered}': CONFIG SET ${directive} "${rendered}".`;
  }
  return `${directive} is '${live}', as rendered: set ${setting} so that it becomes '${value}'.`;
}

/**
 * Returns the value that the rendered file sets, in canonical form; the server's default if the file does not set the
 * directive.
 */
export function renderedValue(view: NodeView, { facts }: RuleContext, directive: string): string | undefined {
  const directives = facts.rendered.get(view.id)?.directives;
  if (directives === undefined) return undefined;
  const written = directives.get(directive);
  return written === undefined ? defaultValue(directive, familyOf(view)) : canonicalValue(directive, written);
}

/** Combines several judgements of one node. */
export function mergeFindings(judged: readonly Judged[]): Judged {
  const missing = judged.flatMap((one) => one.missing ?? []);
  return {
    wrong: judged.flatMap(({ wrong }) => wrong),
    checked: judged.reduce((sum, { checked }) => sum + checked, 0),
    ...(missing.length > 0 && { missing: missing.join(', ') }),
  };
}
