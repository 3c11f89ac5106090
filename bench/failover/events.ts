/** Events of all sentinels, with their arrival times, and the promotion as the nodes themselves report it. */
import type { Redis } from 'ioredis';
import type { Environment } from '../../infra/substrates/environment.ts';

const ROLE_EVERY_MS = 5;

export class FailoverEvents implements AsyncDisposable {
  readonly seen: { readonly channel: string; readonly at: number }[] = [];
  readonly #subscribers: readonly Redis[];
  readonly #masters = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  private constructor(subscribers: readonly Redis[], environment: Environment) {
    this.#subscribers = subscribers;
    for (const subscriber of subscribers)
      subscriber.on('pmessage', (_pattern: string, channel: string) =>
        this.seen.push({ channel, at: performance.now() }),
      );
    const asked = new Set<string>();
    this.#timer = setInterval(() => {
      for (const { id } of environment.topology.redis) {
        if (asked.has(id)) continue;
        asked.add(id);
        const answered = (role: unknown): void => {
          asked.delete(id);
          const isMaster = Array.isArray(role) && String(role[0]) === 'master';
          if (!isMaster) this.#masters.delete(id);
          else if (!this.#masters.has(id)) this.#masters.set(id, performance.now());
        };
        // A promotion closes all connections to the node, so the role is polled.
        environment
          .admin(id)
          .then((node) => node.call('ROLE'))
          .then(answered, () => answered(undefined));
      }
    }, ROLE_EVERY_MS);
  }

  static async start(environment: Environment): Promise<FailoverEvents> {
    const subscribers: Redis[] = [];
    for (const { id } of environment.topology.sentinels) {
      const subscriber = (await environment.admin(id)).duplicate();
      subscriber.on('error', () => {});
      await subscriber.connect();
      await subscriber.psubscribe('*');
      subscribers.push(subscriber);
    }
    return new FailoverEvents(subscribers, environment);
  }

  /** Returns the time of the first event in the channel after `since`. */
  first(channel: string, since: number): number | undefined {
    return this.seen.find((event) => event.channel === channel && event.at >= since)?.at;
  }

  last(channel: string): number | undefined {
    return this.seen.findLast((event) => event.channel === channel)?.at;
  }

  /** Returns the time at which the node last became master. */
  masterSince(id: string): number | undefined {
    return this.#masters.get(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const subscriber of this.#subscribers) subscriber.disconnect();
  }
}
