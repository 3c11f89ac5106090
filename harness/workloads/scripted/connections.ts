/**
 * Opens real connections to the master, each with a login, at a steady rate, and sends a request on each while all are
 * open: the 10,000 connections of requirements document 002. A cache reads at the same time, so that its latency shows
 * the cost of idle connections.
 */
import { HdrHistogram } from '../../statistics/hdr.ts';
import { pause } from '../../wait.ts';
import { ConnectionHolder, connectionLimit } from '../load/connections.ts';
import { defineScript, type ScriptContext } from './script.ts';

const defaults = {
  connections: 10_000,
  perSecond: 2_000,
  answerBoundMs: 10_000,
  gets: 300,
  getEveryMs: 5,
};

export const connections = defineScript({
  name: 'connections',
  defaults,
  async run(context) {
    const { parameters, spec, record, clock, masters, signal } = context;
    const { connections: asked, perSecond, answerBoundMs: boundMs } = parameters;
    const state = (data: Readonly<Record<string, string | number>>) =>
      record({
        ...{ type: 'observe', from: 'workload', name: 'connections', client: 'kit', atUs: clock.nowUs() },
        data: { asked, ...data },
      });
    const limit = connectionLimit(asked);
    if (limit !== undefined) return state({ limit });
    const [master] = await masters();
    const { host, port } = master?.options ?? {};
    if (host === undefined || port === undefined) return state({ limit: 'the master has no address' });
    await using holder = new ConnectionHolder(
      {
        ...{ host, port, asked, perSecond, boundMs },
        login: spec.app.password === '' ? undefined : spec.app,
        ...(spec.tls !== undefined && { tls: spec.tls }),
      },
      signal,
    );
    const opened = await holder.open();
    const gets = await readMeanwhile(context);
    const held = await holder.ping();
    const error = held.error === '' ? {} : { error: held.error.slice(0, 200) };
    state({
      ...{ limit: '', opened: opened.open, answered: held.answered, refused: held.refused, ...error },
      ...{ gets: gets.count, getP99Ms: gets.quantile(0.99) / 1_000 },
    });
  },
});

/** Times reads through the kit's client, in microseconds. */
async function readMeanwhile({
  open,
  parameters,
  tag,
  spec,
  remember,
  signal,
}: ScriptContext<Record<keyof typeof defaults, number>>): Promise<HdrHistogram> {
  const cache = open();
  const name = `connections:${tag}`;
  remember(`${spec.settings.namespace}:${name}`);
  await cache.set(name, 'value');
  const took = new HdrHistogram();
  for (let i = 0; i < parameters.gets; i++) {
    const startedMs = performance.now();
    const { source } = await cache.lookup(name);
    if (source === 'redis') took.record((performance.now() - startedMs) * 1_000);
    await pause(parameters.getEveryMs, signal);
  }
  return took;
}
