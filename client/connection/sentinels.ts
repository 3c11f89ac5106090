/**
 * What the sentinels say, asked side by side: one connection to each, kept open, so that a hung or dead sentinel delays
 * nobody. A view is renewed on `+switch-master`, and by asking: often during an outage, else each second.
 */
import { addressKey } from '../address.ts';
import type { Address } from '../types.ts';
import type { Link } from './link.ts';
import { delay, jittered, now, within } from './timing.ts';

const SENTINEL_TIMEOUT_MS = 500;
const CALM_MS = 1000;
const ALERT_MS = 50;
const RECONNECT_MS = 1000;
/** What a sentinel said that does not answer any more counts for so long while others answer. */
const STALE_MS = 10_000;

export interface SentinelView {
  readonly master: Address;
  /** Raised by one with every failover that was won: the highest among the sentinels is the truth. */
  readonly epoch: number;
  /** The sentinel believes the master down, or is replacing it. */
  readonly troubled: boolean;
  readonly at: number;
  /** The same sentinel said a higher epoch before: it was built anew. */
  readonly fell: boolean;
}

/** What the sentinels say; known without asking, because each is asked once a second. */
export interface SentinelStatus {
  readonly configured: number;
  /** Of them, those that answered of late. */
  readonly answering: number;
  /** Of those, how many name the same master as the one that knows the last failover. */
  readonly agreeing: number;
  readonly master: Address | undefined;
  /** One of them believes the master down, or is replacing it. */
  readonly troubled: boolean;
}

/** Asks one sentinel, and listens to it, until closed. */
class SentinelWatch {
  readonly #open: (timeoutMs: number) => Promise<Link>;
  readonly #service: string;
  readonly #report: (view: SentinelView | undefined) => void;
  readonly #patienceMaxMs: number;
  readonly #ended = new AbortController();
  #wake = new AbortController();
  #alert = false;
  /** Grows with each failure, so that one that is only far away is reached in the end. */
  #timeoutMs = SENTINEL_TIMEOUT_MS;

  constructor(
    open: (timeoutMs: number) => Promise<Link>,
    service: string,
    patienceMaxMs: number,
    report: (view: SentinelView | undefined) => void,
  ) {
    this.#open = open;
    this.#service = service;
    this.#patienceMaxMs = patienceMaxMs;
    this.#report = report;
    void this.#run();
  }

  alert(on: boolean): void {
    this.#alert = on;
    if (on) this.#ask();
  }

  close(): void {
    this.#ended.abort();
    this.#ask();
  }

  #ask(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      let link: Link | undefined;
      try {
        link = await this.#open(this.#timeoutMs);
        void link.over.then(() => this.#ask());
        await this.#listen(link);
        while (!this.#ended.signal.aborted) {
          const reply = await within(
            link.send('SENTINEL', ['MASTER', this.#service]),
            this.#timeoutMs,
            'SENTINEL MASTER',
          );
          this.#report(parseView(reply));
          await delay(this.#alert ? ALERT_MS : CALM_MS, this.#wake.signal);
        }
      } catch {
        this.#report(undefined);
        this.#timeoutMs = Math.min(this.#timeoutMs * 2, this.#patienceMaxMs);
      }
      link?.destroy('the sentinel is asked anew');
      // The first attempts of an outage are quick; a sentinel that stays away costs one attempt a second.
      await delay(jittered(this.#alert ? ALERT_MS * 4 : RECONNECT_MS), this.#wake.signal);
    }
  }

  /** RESP3 carries messages beside replies. On an older sentinel a subscriber could ask nothing: asking goes first. */
  async #listen(link: Link): Promise<void> {
    link.redis.on('message', () => this.#ask());
    try {
      await within(link.redis.subscribe('+switch-master'), this.#timeoutMs, 'SUBSCRIBE +switch-master');
      if (link.redis.mode === 'subscriber') await link.redis.unsubscribe();
    } catch {
      if (link.closed !== undefined) throw new Error(link.closed);
    }
  }
}

export class SentinelBoard {
  readonly #watches: readonly SentinelWatch[];
  readonly #views: (SentinelView | undefined)[];
  readonly #heard: boolean[];

  constructor(options: {
    readonly count: number;
    readonly open: (index: number, timeoutMs: number) => Promise<Link>;
    readonly service: string;
    /** The longest that a connect or an answer may take. */
    readonly patienceMaxMs: number;
    readonly changed: () => void;
  }) {
    this.#views = Array.from({ length: options.count }, () => undefined);
    this.#heard = Array.from({ length: options.count }, () => false);
    this.#watches = this.#views.map(
      (_, index) =>
        new SentinelWatch(
          (timeoutMs) => options.open(index, timeoutMs),
          options.service,
          options.patienceMaxMs,
          (view) => {
            this.#heard[index] = true;
            if (view) this.#see(index, view);
            options.changed();
          },
        ),
    );
  }

  #see(index: number, view: SentinelView): void {
    const before = this.#views[index];
    const fell =
      before !== undefined && (view.epoch < before.epoch || (before.fell && view.epoch === before.epoch));
    this.#views[index] = { ...view, fell };
  }

  /** The last view of each sentinel that answers; where none does, of each that ever has. */
  views(): readonly SentinelView[] {
    const views = this.#views.filter((view) => view !== undefined);
    const since = now() - STALE_MS;
    const fresh = views.filter((view) => view.at >= since);
    return fresh.length > 0 ? fresh : views;
  }

  status(): SentinelStatus {
    const since = now() - STALE_MS;
    const answering = this.#views.filter((view) => view !== undefined && view.at >= since) as SentinelView[];
    const leading = answering.toSorted((a, b) => b.epoch - a.epoch)[0];
    const named = leading && addressKey(leading.master);
    return {
      configured: this.count,
      answering: answering.length,
      agreeing: answering.filter(({ master }) => addressKey(master) === named).length,
      master: leading?.master,
      troubled: answering.some(({ troubled }) => troubled),
    };
  }

  get count(): number {
    return this.#views.length;
  }

  /** Enough is known for a first decision: a majority has answered, or all have answered or failed. */
  decided(): boolean {
    return this.views().length > this.count / 2 || this.#heard.every(Boolean);
  }

  alert(on: boolean): void {
    for (const watch of this.#watches) watch.alert(on);
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}

/** SENTINEL MASTER's reply; undefined when the sentinel does not know the service. */
export function parseView(reply: unknown): SentinelView | undefined {
  if (!Array.isArray(reply)) return undefined;
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]));
  const host = fields.get('ip');
  const port = Number(fields.get('port'));
  if (!host || !Number.isInteger(port)) return undefined;
  return {
    master: { host, port },
    epoch: Number(fields.get('config-epoch') ?? 0),
    troubled: /o_down|failover_in_progress/.test(fields.get('flags') ?? ''),
    at: now(),
    fell: false,
  };
}
