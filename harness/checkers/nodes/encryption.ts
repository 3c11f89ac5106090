/** Whether every node accepts TLS and refuses plain text, and whether it encrypts its outgoing connections too. */
import { checkDirective, type Demand, mergeFindings } from './directive.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';

export const encryption = nodeRule({
  id: 'encryption',
  proves: 'every link is encrypted: nodes accept TLS only, replication and cluster bus use TLS',
  of: 'all',
  judge: (view, about) =>
    about.substrate === 'external'
      ? clientLink(view, about)
      : mergeFindings([
          ...(view.id.startsWith('redis') ? [judgeDirectives(view, about)] : []),
          ...(about.probe.when === 'between' ? [] : [judgePorts(view)]),
        ]),
});

const PLAIN_PORT: Demand = {
  directive: 'port',
  setting: 'security.tls',
  wanted: "'0'",
  value: '0',
  reason: 'passwords and data cross the network in clear text',
  holds: (value) => value === '0',
};

const REPLICATION: Demand = {
  directive: 'tls-replication',
  setting: 'security.tls',
  wanted: "'yes'",
  value: 'yes',
  reason: 'a replica sends its password to its master, and receives all data, in clear text',
  holds: (value) => value === 'yes',
};

const BUS: Demand = {
  directive: 'tls-cluster',
  setting: 'security.tls',
  wanted: "'yes'",
  value: 'yes',
  reason: 'the cluster bus has no password: every host on the network can send on it in clear text',
  holds: (value) => value === 'yes',
};

function judgeDirectives(view: NodeView, about: RuleContext): Judged {
  if (view.config === undefined) return { wrong: [], checked: 0, missing: 'CONFIG GET' };
  const { kind } = about.environment.topology;
  const demands = kind === 'cluster' ? [PLAIN_PORT, REPLICATION, BUS] : [PLAIN_PORT, REPLICATION];
  return mergeFindings(demands.map((demand) => checkDirective(view, about, demand)));
}

/** Judges how the kit's own client connects: nothing else is known about servers that the kit does not run. */
function clientLink({ id }: NodeView, { environment }: RuleContext): Judged {
  if (environment.security.tls) return { wrong: [], checked: 1 };
  const wrong: Wrong = {
    node: id,
    what: 'the link of the client',
    live: 'plain text',
    wanted: 'TLS',
    reason: 'passwords and data cross the network in clear text (security.tls)',
    remedy: 'connect with TLS: a rediss:// URL, or --tls-ca.',
  };
  return { wrong: [wrong], checked: 1 };
}

function judgePorts({ id, ports: seen }: NodeView): Judged {
  if (seen === undefined) return { wrong: [], checked: 0, missing: 'a connection to its port' };
  const wrong: Wrong[] = [];
  for (const [name, where] of [
    ['plain', 'its port'],
    ['besides', 'a plain port in addition to the TLS port'],
  ] as const) {
    if (seen.get(name)?.startsWith('accepted') !== true) continue;
    wrong.push({
      node: id,
      what: `plain text on ${where}`,
      live: 'accepted',
      wanted: 'refused',
      reason: 'passwords and data cross the network in clear text (security.tls)',
      remedy: `it accepts plain text on ${where}: set security.tls, and port 0 in its rendered file.`,
    });
  }
  const isServed = ['TLSv1.2', 'TLSv1.3'].some(
    (version) => seen.get(version)?.startsWith('accepted') === true,
  );
  if (!isServed && wrong.length === 0) {
    wrong.push({
      node: id,
      what: 'TLS 1.2 or 1.3',
      live: 'refused',
      wanted: 'accepted',
      reason: 'no client can connect with a current version of TLS (security.tls)',
      remedy:
        'it accepts neither TLS 1.2 nor TLS 1.3: look at tls-protocols and tls-ciphers in its rendered file.',
    });
  }
  return { wrong, checked: 2 };
}
