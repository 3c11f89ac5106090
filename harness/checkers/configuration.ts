/**
 * Judges the client's settings and the promises of an environment from the resolved configuration alone, without a
 * drill: no drill can excuse an unsafe setting. Each figure is 1 if the setting is right and 0 if it is not, with the
 * reason. The servers report their own configuration (`nodes/`).
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { Checker } from './checker.ts';
import { valueFigure } from './history-queries.ts';

interface Judgement {
  readonly right: boolean;
  /** Description of the flaw, with the setting and its value. */
  readonly flaw: string;
}

const RULES: Readonly<Record<string, (env: EnvironmentConfig) => Judgement>> = {
  supervisedClient: (env) => ({
    right: env.client.supervision,
    flaw: 'client.supervision is false: a client that is between two connections at +switch-master does not recover',
  }),
  breaker: (env) => ({
    right: env.client.breaker.enabled,
    flaw: 'client.breaker.enabled is false: every call waits for its timeout while Redis is unreachable',
  }),
};

const EXTERNAL_REMEDY =
  'The durability of writes on an external server is unknown to the kit: ask its operator. If it is sufficient, waive the criterion in config/gates.yaml with owner, reason and expiry.';

export const configuration: Checker = {
  id: 'configuration',
  proves: 'the resolved configuration has no risky setting that drills would reveal only by chance',
  check(_history, { environment, substrate }) {
    const judged = Object.entries(RULES).map(([name, rule]) => [name, rule(environment)] as const);
    const flaws = judged.filter(([, { right }]) => !right).map(([name, { flaw }]) => `${name}: ${flaw}`);
    const isOurs = substrate !== 'external';
    return {
      // An unknown setting is not a violation: a missing figure must not cause a failure.
      validity: isOurs && flaws.length > 0 ? 'invalid' : 'valid',
      reasons: isOurs
        ? flaws
        : [...flaws, 'the kit does not run the server, so the durability of its writes is unknown'],
      ...(!isOurs && { remedy: EXTERNAL_REMEDY }),
      figures: {
        ...Object.fromEntries(
          judged.map(([name, { right }]) => [name, valueFigure(right ? 1 : 0, 'boolean', 1)]),
        ),
        ...(isOurs && { asyncLossWindowMs: valueFigure(environment.durability.asyncLossWindowMs, 'ms', 1) }),
      },
    };
  },
};
