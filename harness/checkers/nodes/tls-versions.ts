/** TLS versions and ciphers that a node must refuse, judged by its directives and by attempted handshakes. */
import { checkDirective, type Demand, mergeFindings } from './directive.ts';
import type { NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext } from './finding.ts';

export const tlsVersions = nodeRule({
  id: 'tls-versions',
  proves: 'no node accepts TLS before 1.2, or a cipher without encryption or without a certificate',
  of: 'all',
  judge: (view, about) =>
    mergeFindings([
      ...(view.id.startsWith('redis') ? [judgeDirective(view, about)] : []),
      ...(about.probe.when === 'between' ? [] : [judgeHandshakes(view)]),
    ]),
});

/** RFC 8996 forbids TLS 1.0 and 1.1. Without the directive, OpenSSL's own configuration decides. */
const PROTOCOLS: Demand = {
  directive: 'tls-protocols',
  setting: 'security.tls',
  wanted: 'TLSv1.2, TLSv1.3 or both',
  value: 'TLSv1.2 TLSv1.3',
  reason: 'TLS 1.0 and 1.1 are broken (RFC 8996), and without the directive the system decides',
  holds: (value) =>
    value !== '' && value.split(' ').every((version) => ['tlsv1.2', 'tlsv1.3'].includes(version)),
};

const CIPHERS: Demand = {
  directive: 'tls-ciphers',
  setting: 'redis.extra',
  wanted: 'a list without NULL, EXPORT, RC4, 3DES, MD5 and a lower security level',
  value: '',
  reason: 'these ciphers are insecure',
  holds: (value) =>
    !/(?<![!-])\b(e?NULL|aNULL|EXPORT|EXP|RC4|3?DES|MD5|LOW|ADH|AECDH)\b|SECLEVEL=[01]/i.test(value),
};

function judgeDirective(view: NodeView, about: RuleContext): Judged {
  if (view.config === undefined) return { wrong: [], checked: 0, missing: 'CONFIG GET' };
  // Without TLS there is no version to judge; `encryption` reports the missing TLS.
  if (view.config.get('tls-port') === '0') return { wrong: [], checked: 1 };
  return mergeFindings([PROTOCOLS, CIPHERS].map((demand) => checkDirective(view, about, demand)));
}

const REFUSED = ['TLSv1', 'TLSv1.1', 'worthless-ciphers'] as const;

function judgeHandshakes({ id, ports }: NodeView): Judged {
  if (ports === undefined) return { wrong: [], checked: 0, missing: 'a connection to its port' };
  const tried = REFUSED.flatMap((name) => {
    const live = ports.get(name);
    return live === undefined ? [] : [{ name, live }];
  });
  const wrong = tried
    .filter(({ live }) => live.startsWith('accepted'))
    .map(({ name, live }) => ({
      node: id,
      what: `a handshake with ${name}`,
      live,
      wanted: 'refused',
      reason: 'the link can be read or changed by others (security.tls)',
      remedy: `it accepts ${name} (${live}): set tls-protocols "TLSv1.2 TLSv1.3" and leave tls-ciphers to OpenSSL.`,
    }));
  return { wrong, checked: tried.length };
}
