/**
 * Entry point of a load thread: the kit's client and an open loop in one thread. The client has no separate thread,
 * unlike in fault drills: passing a message costs as much as an operation, which would reduce the rate. The lag that a
 * step reports therefore includes the client's use of the event loop.
 */
import '../../../config/es2024.ts';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Cache } from '../../../client/index.ts';
import { type Clock, openClock } from '../../history/clock.ts';
import { loadClient } from '../client-module.ts';
import { openKit } from '../kit.ts';
import { type Random, seededRandom } from '../random.ts';
import { zipfSampler } from '../zipf.ts';
import { type Catalogue, loadCatalogue } from './catalogue.ts';
import { LoadMeter, type Settled } from './meter.ts';
import type {
  FromLoadThread,
  HeapSample,
  LoadKind,
  LoadSetup,
  StepPlan,
  StepResult,
  ToLoadThread,
} from './protocol.ts';
import { scheduleOf } from './schedule.ts';
import { readThreadCpuMs } from './thread-cpu.ts';

const PREPARE_BATCH = 100;
const CLOSE_BOUND_MS = 2_000;

/** Outcome of one operation, without its times. */
type Outcome = Pick<Settled, 'outcome' | 'wrong' | 'reads' | 'hits'>;

const FAILED: Outcome = { outcome: 'failed' };

class LoadThread {
  readonly #setup: LoadSetup;
  readonly #caches: readonly Cache[];
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rank: () => number;
  readonly #ticks: MessagePort;
  readonly #ticking: Int32Array;
  #turn = 0;
  #inFlight = 0;

  constructor(setup: LoadSetup, caches: readonly Cache[], ticks: MessagePort) {
    this.#setup = setup;
    this.#caches = caches;
    this.#ticks = ticks;
    this.#clock = openClock(setup.originNs);
    this.#random = seededRandom(setup.seed, `load/${setup.place}`);
    this.#catalogue = loadCatalogue(setup.catalogue, setup.tag, setup.maxValueBytes, this.#random);
    this.#rank = zipfSampler(setup.catalogue, setup.zipfExponent, this.#random);
    this.#ticking = new Int32Array(setup.ticking);
  }

  /** Writes this thread's share of the catalogue. */
  async prepare(): Promise<void> {
    const { place, threads } = this.#setup;
    const { size } = this.#catalogue;
    const own = Array.from({ length: size }, (_, rank) => rank).filter((rank) => rank % threads === place);
    for (let from = 0; from < own.length; from += PREPARE_BATCH)
      await Promise.all(own.slice(from, from + PREPARE_BATCH).map((rank) => this.#set(rank)));
  }

  /** Runs one step to its end; operations in flight then have `drainMs` to settle. */
  async step(plan: StepPlan, drainMs: number): Promise<StepResult> {
    const meter = new LoadMeter(plan);
    const schedule = scheduleOf(plan);
    const beganCpuMs = readThreadCpuMs();
    const draw = kindSampler(plan, this.#random);
    const ended = Promise.withResolvers<void>();
    let dueUs = schedule.next();
    const sendDue = () => {
      Atomics.store(this.#ticking, this.#setup.place, 0);
      const nowUs = this.#clock.nowUs();
      for (; dueUs !== undefined && dueUs <= nowUs; dueUs = schedule.next())
        this.#issue(dueUs, draw(), plan, meter);
      if (dueUs === undefined) ended.resolve();
    };
    this.#ticks.on('message', sendDue);
    await ended.promise;
    this.#ticks.off('message', sendDue);
    const untilUs = Math.max(plan.endUs, this.#clock.nowUs()) + drainMs * 1_000;
    while (this.#inFlight > 0 && this.#clock.nowUs() < untilUs)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const endedCpuMs = readThreadCpuMs();
    return meter.result(beganCpuMs === null || endedCpuMs === null ? null : endedCpuMs - beganCpuMs);
  }

  async close(): Promise<void> {
    const closed = Promise.all(this.#caches.map((cache) => cache.close()));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_BOUND_MS).unref())]);
  }

  #issue(intendedUs: number, kind: LoadKind, { hotShare, inFlightBound }: StepPlan, meter: LoadMeter): void {
    if (this.#inFlight >= inFlightBound) {
      meter.dropped(intendedUs);
      return;
    }
    const sentUs = this.#clock.nowUs();
    meter.sent(intendedUs, sentUs);
    this.#inFlight++;
    const rank = hotShare > 0 && this.#random.next() < hotShare ? 0 : this.#rank();
    const settle = (outcome: Outcome) => {
      this.#inFlight--;
      meter.settled({ kind, intendedUs, sentUs, atUs: this.#clock.nowUs(), ...outcome });
    };
    this.#perform(kind, rank).then(settle, () => settle(FAILED));
  }

  #perform(kind: LoadKind, rank: number): Promise<Outcome> {
    if (kind === 'get') return this.#get(rank);
    if (kind === 'set') return this.#set(rank);
    if (kind === 'readModifyWrite') return this.#readModifyWrite(rank);
    return kind === 'getMany' ? this.#getMany() : this.#setMany();
  }

  get #cache(): Cache {
    this.#turn = (this.#turn + 1) % this.#caches.length;
    return this.#caches[this.#turn] as Cache;
  }

  async #get(rank: number): Promise<Outcome> {
    const found = await this.#cache.lookup<string>(this.#catalogue.keyOf(rank));
    if (found.source !== 'redis') return { outcome: 'failed', reads: 1 };
    // A cache-aside application writes the value after a miss. This set is not part of the schedule.
    if (!found.found) void this.#set(rank).catch(() => undefined);
    const wrong = found.found && !this.#catalogue.isValueOf(rank, found.value);
    return { outcome: 'answered', wrong, reads: 1, hits: found.found && !wrong ? 1 : 0 };
  }

  async #set(rank: number): Promise<Outcome> {
    const { keyOf, newValueOf, ttlSecondsOf } = this.#catalogue;
    const options = { ttlSeconds: ttlSecondsOf(rank) };
    const { source } = await this.#cache.set(keyOf(rank), newValueOf(rank), options);
    return source === 'redis' ? { outcome: 'answered' } : FAILED;
  }

  async #readModifyWrite(rank: number): Promise<Outcome> {
    const read = await this.#get(rank);
    if (read.outcome === 'failed') return read;
    const { outcome } = await this.#set(rank);
    return { ...read, outcome };
  }

  async #getMany(): Promise<Outcome> {
    const ranks = this.#distinctRanks();
    const { keyOf, isValueOf } = this.#catalogue;
    const found = await this.#cache.lookupMany<string>(ranks.map(keyOf));
    let hits = 0;
    let wrong = found.size !== ranks.length;
    for (const rank of ranks) {
      const read = found.get(keyOf(rank));
      if (read?.source !== 'redis') return FAILED;
      if (!read.found) continue;
      if (isValueOf(rank, read.value)) hits++;
      else wrong = true;
    }
    return { outcome: 'answered', wrong, reads: ranks.length, hits };
  }

  async #setMany(): Promise<Outcome> {
    const { keyOf, newValueOf } = this.#catalogue;
    const entries = new Map(this.#distinctRanks().map((rank) => [keyOf(rank), newValueOf(rank)]));
    const { source } = await this.#cache.setMany(entries);
    return source === 'redis' ? { outcome: 'answered' } : FAILED;
  }

  #distinctRanks(): readonly number[] {
    const ranks = new Set<number>();
    while (ranks.size < Math.min(this.#setup.batch, this.#catalogue.size)) ranks.add(this.#rank());
    return [...ranks];
  }
}

/** Returns a function that draws kinds of operation by their shares in the mix. */
function kindSampler({ mix }: StepPlan, random: Random): () => LoadKind {
  const shares = Object.entries(mix) as [LoadKind, number][];
  return () => {
    let point = random.next();
    for (const [kind, share] of shares) {
      point -= share;
      if (point < 0) return kind;
    }
    return shares.at(-1)?.[0] ?? 'get';
  };
}

/** Returns the heap size of this thread after a full garbage collection: the remaining memory is in use, or leaked. */
function sampleHeap(): HeapSample {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Collects twice, because finalizers that run after the first collection release more memory.
  collect();
  collect();
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
  return { heapBytes, externalBytes };
}

async function serveLoad({ setup, ticks }: { setup: LoadSetup; ticks: MessagePort }): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  const post = (message: FromLoadThread) => port.postMessage(message);
  const fail = (error: unknown) =>
    post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  try {
    const client = await loadClient(setup.spec);
    const caches = Array.from({ length: setup.caches }, () => openKit(setup.spec, client));
    const thread = new LoadThread(setup, caches, ticks);
    const act = async (message: ToLoadThread): Promise<FromLoadThread> => {
      if (message.type === 'prepare') return thread.prepare().then(() => ({ type: 'prepared' }));
      if (message.type === 'step')
        return { type: 'stepped', result: await thread.step(message.plan, message.drainMs) };
      if (message.type === 'sample') return { type: 'sampled', heap: sampleHeap() };
      await thread.close();
      ticks.close();
      return { type: 'stopped' };
    };
    port.on('message', (message: ToLoadThread) => void act(message).then(post, fail));
    await Promise.all(caches.map((cache) => cache.ping()));
    post({ type: 'ready' });
  } catch (error) {
    fail(error);
  }
}

if (parentPort !== null) await serveLoad(workerData as { setup: LoadSetup; ticks: MessagePort });
