/** Settings of Prometheus, Alertmanager and the alert rules of an environment. */
import { z } from 'zod';
import { means } from './meaning.ts';

const ratio = z.number().min(0).max(1);
const hostAndPort = z.string().regex(/^[A-Za-z0-9.-]+:\d{1,5}$/, 'an address such as 127.0.0.1:9464');

/** Limits above or below which an alert fires. The defaults are the targets of config/gates.yaml if there are any. */
const limits = z
  .strictObject({
    memoryRatio: ratio.default(0.8).meta(means('Maximum ratio of used memory to maxmemory.')),
    hitRatio: ratio.default(0.5).meta(means('Minimum hit ratio of the reads of all nodes.')),
    latencyMs: z
      .number()
      .min(0.1)
      .max(10_000)
      .default(10)
      .meta(means('Maximum p99 of a command on a node, and of an operation of the cache client.')),
    evictionsPerSecond: z
      .number()
      .min(0)
      .default(100)
      .meta(means('Maximum evictions per second and node. A full cache evicts by design.')),
    connectionRatio: ratio.default(0.8).meta(means('Maximum ratio of connections to maxclients.')),
    errorRatio: ratio
      .default(0.01)
      .meta(means('Maximum ratio of failed operations to all operations of the cache client.')),
    certificateDays: z
      .number()
      .int()
      .min(1)
      .max(365)
      .default(21)
      .meta(
        means('Minimum remaining validity of a certificate. A deploy on Docker renews in the last 30 days.'),
      ),
  })
  .prefault({})
  .meta(means('Limits of the alerts.'));

export const observabilitySettings = z
  .strictObject({
    prometheus: z
      .boolean()
      .default(false)
      .meta(
        means(
          'Whether the environment runs Prometheus and Alertmanager, with the exporter and, with TLS, a certificate probe. Their ports are on loopback only. An environment on Docker always has the exporter.',
        ),
      ),
    // Rates are computed over 8 scrapes; Prometheus drops a series after 5 minutes without a sample.
    scrapeIntervalSeconds: z
      .number()
      .int()
      .min(1)
      .max(60)
      .default(15)
      .meta(
        means(
          'Interval of scrapes and of rule evaluations. The `for` of every alert is a multiple of this interval.',
        ),
      ),
    retentionDays: z.number().int().min(1).max(365).default(15).meta(means('Retention of the metrics.')),
    applications: z
      .array(hostAndPort)
      .default([])
      .meta(
        means(
          'Addresses that serve the metrics of the cache client at /metrics. On Docker, addresses that a container reaches, not 127.0.0.1.',
          'a list of `host:port`',
        ),
      ),
    webhook: z
      .string()
      .regex(/^https?:\/\/\S+$/, 'an http or https URL')
      .optional()
      .meta(
        means(
          'URL that Alertmanager posts alerts to. If omitted, alerts are only shown. On Docker, a URL that a container reaches, not one on 127.0.0.1.',
        ),
      ),
    runbook: z
      .string()
      .min(1)
      .default('docs/runbook.md')
      .meta(means('Location of the runbook that every alert links to: a path or a URL.')),
    limits,
  })
  .prefault({})
  .meta(means('Metrics and alerts of the environment.'));

export type ObservabilitySettings = z.infer<typeof observabilitySettings>;

/**
 * Returns the settings without the webhook. The webhook's path acts as a password: anyone who has it can post to the
 * channel.
 */
export function withoutWebhook<T extends { readonly observability: ObservabilitySettings }>(
  environment: T,
): T {
  const { webhook } = environment.observability;
  if (webhook === undefined) return environment;
  const hidden = webhook.replace(/^(https?:\/\/)(?:[^/@]*@)?([^/?#]*).*$/, '$1$2/[redacted]');
  return { ...environment, observability: { ...environment.observability, webhook: hidden } };
}
