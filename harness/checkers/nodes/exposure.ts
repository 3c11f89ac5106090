/**
 * Whether a node accepts only what its rendered configuration allows: protected mode, addresses, ports, and the
 * features that Redis keeps disabled.
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
      ...(view.id.startsWith('redis') ? [judgeDirectives(view, about)] : []),
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
  holds: (value) =>
    value !== '' && !value.split(' ').some((address) => /^-?(\*|0\.0\.0\.0|::\*?)$/.test(address)),
};

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
