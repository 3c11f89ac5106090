/**
 * Whether a node accepts only what its rendered configuration allows: protected mode, addresses, ports, and the
 * features that Redis keeps disabled. A sentinel does not report these settings, so its file is judged.
 */
import { canonicalValue } from '../../../infra/redis/conf/directive-values.ts';
import { checkDirective, type Demand, mergeFindings, renderedValue, unansweredReason } from './directive.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext } from './finding.ts';

export const exposure = nodeRule({
  id: 'exposure',
  proves: 'every node listens only on the rendered addresses and ports, in protected mode',
  of: 'all',
  judge: (view, about) =>
    mergeFindings([
      view.id.startsWith('redis') ? judgeDirectives(view, about) : judgeSentinelFile(view, about),
      judgeListeners(view, about),
    ]),
});

const CLOSED: readonly Demand[] = [
  'enable-debug-command',
  'enable-module-command',
  'enable-protected-configs',
].map((directive) => ({
  directive,
  setting: 'redis.extra',
  wanted: "'no'",
  value: 'no',
  reason: 'the node allows connections to use a feature that Redis disables by default',
  holds: (value) => value === 'no',
}));

const ONE_ADDRESS: Demand = {
  directive: 'bind',
  setting: 'redis.extra',
  wanted: 'the addresses that clients use',
  value: '127.0.0.1',
  reason: 'the node listens on every address of the machine',
  holds: isOneAddress,
};

/** Whether the value of `bind` names addresses, and none that stands for all of them. */
function isOneAddress(value: string): boolean {
  return value !== '' && !value.split(' ').some((address) => /^-?(\*|0\.0\.0\.0|::\*?)$/.test(address));
}

const DEMANDS: readonly Demand[] = [
  {
    directive: 'protected-mode',
    setting: 'redis.extra',
    wanted: "'yes'",
    value: 'yes',
    reason: 'without the ACL users, every client that reaches the address is accepted',
    holds: (value) => value === 'yes',
  },
  {
    directive: 'unixsocket',
    setting: 'redis.extra',
    wanted: 'empty',
    value: '',
    reason: 'a Unix socket is a second way to connect',
    holds: (value) => value === '',
  },
  ...CLOSED,
];

function judgeDirectives(view: NodeView, about: RuleContext): Judged {
  if (view.config === undefined) return unansweredReason(about);
  const asRendered = ['bind', 'port', 'tls-port'].map((directive): Demand => {
    const rendered = renderedValue(view, about, directive);
    return {
      directive,
      setting: directive === 'bind' ? 'redis.extra' : 'redis.port, security.tls',
      wanted: rendered === undefined ? 'as rendered' : `'${rendered}'`,
      value: rendered ?? '',
      reason: 'the node is reachable on an address that was not rendered',
      holds: (value) => value === rendered,
    };
  });
  // A container listens on all addresses of its own networks; a process listens on the addresses of the host.
  const address = about.substrate === 'docker' ? [] : [ONE_ADDRESS];
  return mergeFindings(
    [...DEMANDS, ...asRendered, ...address].map((demand) => checkDirective(view, about, demand)),
  );
}

interface SentinelDemand extends Pick<Demand, 'directive' | 'wanted' | 'value' | 'reason'> {
  /** Value that applies without a line in the file. */
  readonly byDefault: string;
  holds(value: string): boolean;
}

const SENTINEL_DEMANDS: readonly SentinelDemand[] = [
  {
    directive: 'protected-mode',
    wanted: "'yes'",
    value: 'protected-mode yes',
    // initSentinelConfig (sentinel.c), unlike in a Redis node.
    byDefault: 'no',
    reason: 'without the ACL users, every client that reaches the sentinel is accepted',
    holds: (value) => value === 'yes',
  },
  {
    directive: 'sentinel deny-scripts-reconfig',
    wanted: "'yes'",
    value: 'sentinel deny-scripts-reconfig yes',
    byDefault: 'yes',
    reason: 'a client with SENTINEL SET can make the sentinel run any program',
    holds: (value) => value === 'yes',
  },
  ...['sentinel notification-script', 'sentinel client-reconfig-script'].map((directive) => ({
    directive,
    wanted: 'absent',
    value: `no line ${directive}`,
    byDefault: '',
    reason: 'the sentinel runs this program at every event, with its own permissions',
    holds: (value: string) => value === '',
  })),
  {
    directive: 'unixsocket',
    wanted: 'empty',
    value: 'no line unixsocket',
    byDefault: '',
    reason: 'a Unix socket is a second way to connect',
    holds: (value) => value === '',
  },
];

/** Applies where a sentinel uses the addresses of the host. */
const SENTINEL_ADDRESS: SentinelDemand = {
  ...ONE_ADDRESS,
  value: 'bind with the addresses that clients use',
  byDefault: '*',
  holds: isOneAddress,
};

function judgeSentinelFile(view: NodeView, { facts, substrate }: RuleContext): Judged {
  const rendered = facts.rendered.get(view.id)?.directives;
  const { kept } = view;
  // The kept file is read only at the start and at the end; without it, `safe-directives` is not measured.
  if (rendered === undefined || kept === undefined) return { wrong: [], checked: 0 };
  const demands = substrate === 'docker' ? SENTINEL_DEMANDS : [...SENTINEL_DEMANDS, SENTINEL_ADDRESS];
  const wrong = demands.flatMap(({ directive, wanted, value, reason, byDefault, holds }) => {
    const [live, written] = [kept, rendered].map((each) =>
      canonicalValue(directive, each.get(directive) ?? byDefault),
    ) as [string, string];
    if (holds(live)) return [];
    const remedy =
      live === written
        ? `${directive} is '${live}', as rendered: write ${value} in sentinel.conf.`
        : `${directive} is '${live}', rendered '${written}': restart it with its rendered file.`;
    const what = { node: view.id, what: directive, live, wanted, rendered: written };
    return [{ ...what, reason: `${reason} (sentinel.conf)`, remedy }];
  });
  return { wrong, checked: demands.length };
}

/**
 * Judges the port that INFO reports, for sentinels too. If a node has a plain port and a TLS port, INFO reports the
 * plain one.
 */
function judgeListeners(view: NodeView, { facts }: RuleContext): Judged {
  const files = facts.rendered.get(view.id)?.directives;
  const live = view.info?.get('tcp_port');
  if (files === undefined || live === undefined) return { wrong: [], checked: 0, missing: 'INFO tcp_port' };
  const plain = canonicalValue('port', files.get('port') ?? '0');
  const rendered = plain === '0' ? canonicalValue('tls-port', files.get('tls-port') ?? '0') : plain;
  if (live === rendered) return { wrong: [], checked: 1 };
  return {
    wrong: [
      {
        node: view.id,
        what: 'tcp_port',
        live,
        wanted: `'${rendered}'`,
        rendered,
        reason: 'the node listens on a port that the kit did not render',
        remedy: `it listens on port ${live}, rendered ${rendered}: restart it with its rendered file.`,
      },
    ],
    checked: 1,
  };
}
