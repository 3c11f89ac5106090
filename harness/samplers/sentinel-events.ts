/** Records everything that the sentinels publish (`+sdown`, `+switch-master`, …), with one subscriber per sentinel. */
import type { Redis } from 'ioredis';
import type { Sampler, SamplerContext } from './sampler.ts';

const RESUBSCRIBE_AFTER_MS = 250;

export async function sampleSentinelEvents(context: SamplerContext): Promise<Sampler> {
  const subscriptions = await Promise.all(
    context.environment.topology.sentinels.map(({ id }) => subscribe(context, id)),
  );
  return {
    async stop() {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

/** Subscribes, and retries while the sentinel is unreachable; resolves after the first attempt. */
async function subscribe(
  { environment, clock, recorder }: SamplerContext,
  node: string,
): Promise<() => void> {
  let stopped = false;
  let subscriber: Redis | undefined;
  let timer: NodeJS.Timeout | undefined;

  const retry = () => {
    if (!stopped) timer = setTimeout(attempt, RESUBSCRIBE_AFTER_MS);
  };
  const attempt = async () => {
    try {
      const redis = (await environment.admin(node)).duplicate({ lazyConnect: true });
      subscriber = redis;
      redis.on('error', () => undefined);
      redis.on('pmessage', (_pattern: string, channel: string, message: string) => {
        const data = { message };
        recorder.record({
          type: 'observe',
          from: 'sentinel',
          name: channel,
          node,
          atUs: clock.nowUs(),
          data,
        });
      });
      await redis.connect();
      await redis.psubscribe('*');
      redis.on('end', retry);
      if (stopped) redis.disconnect();
    } catch {
      // Called only once: while the sentinel is unreachable there is no new connection, and each
      // call would add listeners to the old socket.
      subscriber?.disconnect();
      subscriber = undefined;
      retry();
    }
  };
  await attempt();
  return () => {
    stopped = true;
    clearTimeout(timer);
    subscriber?.disconnect();
  };
}
