/**
 * Whether the sentinels can fail over while one of them is unreachable, and whether a single sentinel can never cause a
 * failover.
 */
import { mergeFindings } from './directive.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';
import { watchedMaster, wrongOption } from './sentinel.ts';

/** Minimum number of sentinels in an environment that can tolerate the loss of one. */
const FEWEST_SENTINELS = 3;

export const quorum = nodeRule({
  id: 'quorum',
  proves: 'every sentinel has discovered all others, and their quorum survives the loss of one of them',
  of: 'sentinel',
  judge(view, about): Judged {
    const master = watchedMaster(view, about);
    const { topology } = about.environment;
    if (master === undefined) {
      const watches =
        view.masters === undefined ? undefined : reportUnmonitored(view.id, topology.serviceName);
      return watches ?? { wrong: [], checked: 0, missing: 'SENTINEL MASTERS' };
    }
    const live = master.get('quorum') ?? '';
    const others = Number(master.get('num-other-sentinels'));
    const wrong: Wrong[] = [];
    const flaw = quorumFlaw(topology.sentinels, Number(live));
    if (flaw !== undefined) {
      const setting = 'topology.quorum, topology.sentinels';
      const wanted = `2 to ${Math.max(2, topology.sentinels - 1)} of ${Math.max(FEWEST_SENTINELS, topology.sentinels)} sentinels`;
      wrong.push(wrongOption(view, about, { option: 'quorum', live, wanted, setting, reason: flaw }));
    }
    // Between trials, a sentinel may not yet have discovered another one that has just been restarted.
    if (about.probe.when !== 'between' && others !== topology.sentinels - 1) {
      wrong.push({
        node: view.id,
        what: 'num-other-sentinels',
        live: String(others),
        wanted: String(topology.sentinels - 1),
        reason: 'the number of sentinels that this sentinel has discovered differs from topology.sentinels',
        remedy: `it has discovered ${others} other sentinels, expected ${topology.sentinels - 1}: run SENTINEL RESET ${topology.serviceName} while all sentinels are running.`,
      });
    }
    return mergeFindings([{ wrong, checked: 2 }, judgeFailoverAbility(view, about)]);
  },
});

/** Whether the sentinel can act: it has discovered all replicas, and is neither in TILT nor configured to fail. */
function judgeFailoverAbility({ id, replicas, info }: NodeView, about: RuleContext): Judged {
  if (about.probe.when === 'between') return { wrong: [], checked: 0 };
  const { topology } = about.environment;
  if (replicas === undefined) return { wrong: [], checked: 0, missing: 'SENTINEL REPLICAS' };
  const reset = `run SENTINEL RESET ${topology.serviceName} while all nodes run`;
  const values = [
    ['num-slaves', String(replicas.length), String(topology.replicas), reset],
    ['sentinel_tilt', info?.get('sentinel_tilt') ?? '0', '0', 'check the clock and the load of its machine'],
    [
      'sentinel_simulate_failure_flags',
      info?.get('sentinel_simulate_failure_flags') ?? '0',
      '0',
      'restart it',
    ],
  ] as const;
  const wrong = values
    .filter(([, live, wanted]) => live !== wanted)
    .map(([what, live, wanted, remedy]) => ({
      node: id,
      what,
      live,
      wanted,
      reason: 'the sentinel cannot take part in a failover',
      remedy: `${what} is '${live}', must be '${wanted}': ${remedy}.`,
    }));
  return { wrong, checked: values.length };
}

function reportUnmonitored(node: string, service: string): Judged {
  return {
    wrong: [
      {
        node,
        what: 'sentinel monitor',
        live: 'absent',
        wanted: service,
        reason: 'the sentinel does not watch the master and has no vote in a failover (topology.serviceName)',
        remedy: `it does not watch ${service}: restart it with its rendered file.`,
      },
    ],
    checked: 1,
  };
}

function quorumFlaw(sentinels: number, quorum: number): string | undefined {
  if (sentinels < FEWEST_SENTINELS)
    return 'fewer than three sentinels cannot lose one and still have a majority';
  if (quorum >= sentinels) return 'the loss of one sentinel prevents every failover';
  return quorum >= 2 ? undefined : 'one isolated sentinel can depose a healthy master';
}
