/**
 * Demotes a deposed master to a replica immediately; Sentinel does so about 10 s later. One process per environment.
 *
 *   every node: INFO ─▶ reports master ─▶ every sentinel: SENTINEL MASTER ─▶ a majority reports another node at the
 *   highest epoch ─▶ that node: INFO ─▶ it is master, and has replaced the first node (decision.mjs) ─▶ the transaction
 *   with which Sentinel itself demotes a node (sentinel.c, sentinelSendSlaveOf)
 *
 * The transaction uses the connection on which the node reported master. Sentinel closes that connection when it
 * changes the role of the node, so a late transaction by a process that hung in the meantime is not executed. The
 * process writes nothing else: without it, the environment is a standard Sentinel setup.
 *
 * The process also restores the settings that a sentinel loses on a restart, and reports TILT. Plain JavaScript without
 * dependencies: it runs in a container that has only Node.js, and an older version of it than the kit uses.
 *
 *   node watchdog.mjs CONFIGURATION.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeposed, namedMaster } from './decision.mjs';
import { Connection, ErrorReply } from './resp.mjs';

/**
 * Polling interval in ms. Detection takes one interval and the decision a few ms, together well below 1 s, at about 30
 * cheap commands per second.
 */
const POLL_MS = 200;
const REPLY_TIMEOUT_MS = 500;
/**
 * Polling interval of sentinels in ms: TILT lasts at least 30 s, and the settings of a restarted sentinel are not
 * urgent.
 */
const SENTINEL_POLL_MS = 1_000;
/**
 * Pause in ms after a refusal: a node that refuses the user will do so again, and its log must not fill with refusals.
 */
const REFUSED_MS = 10_000;
/** Maximum age of a decision in ms. A decision is as old as the replies on which it is based. */
const MAX_DECISION_MS = 1_000;
const MAX_NAMED_IDS = 100;

/**
 * @typedef {{ readonly id: string, readonly host: string, readonly port: number }} NodeAddress
 * @typedef {object} WatchdogConfiguration
 * @property {string} service
 * @property {string} username
 * @property {string} password
 * @property {string} [caFile]
 * @property {string} [heartbeatFile]
 * @property {number} [pingPeriodMs]
 * @property {string} [localAddress] source of its connections
 * @property {readonly NodeAddress[]} redis
 * @property {readonly NodeAddress[]} sentinels
 */

/** @param {string} text */
const log = (text) => process.stdout.write(`${new Date().toISOString()} ${text}\n`);

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A node with its current connection, and whether it replied to the last request. */
class Peer {
  /** @type {Promise<Connection> | undefined} */
  #opening;
  /** @type {Connection | undefined} */
  #open;
  #problem = '';

  /**
   * @param {NodeAddress} node
   * @param {import('./resp.mjs').Access} access
   * @param {(connection: Connection) => Promise<unknown>} [onOpen]
   */
  constructor({ id }, access, onOpen = async () => undefined) {
    this.id = id;
    this.host = access.host;
    this.port = access.port;
    this.address = `${access.host}:${access.port}`;
    this.access = access;
    this.onOpen = onOpen;
  }

  async connection() {
    if (this.#open?.isOpen) return this.#open;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  async #connect() {
    const connection = await Connection.open(this.access, REPLY_TIMEOUT_MS);
    await this.onOpen(connection);
    this.#open = connection;
    return connection;
  }

  /** @param {readonly string[]} command */
  async call(command) {
    return await (await this.connection()).call(command, REPLY_TIMEOUT_MS);
  }

  /**
   * Repeats a task while the process runs. Logs each transition between failure and success.
   *
   * @param {number} intervalMs
   * @param {() => Promise<void>} task
   */
  async repeat(intervalMs, task) {
    for (;;) {
      const problem = await task().then(
        () => '',
        (/** @type {Error} */ error) => error,
      );
      const text = problem === '' ? '' : problem.message;
      if (text !== this.#problem) log(`${this.id} at ${this.address}: ${text || 'replies again'}`);
      this.#problem = text;
      await pause(problem instanceof ErrorReply && !text.startsWith('LOADING') ? REFUSED_MS : intervalMs);
    }
  }
}

/** @param {unknown} text Reply to INFO. */
const fieldsOf = (text) =>
  new Map(
    String(text)
      .split('\r\n')
      .map((line) => /** @type {const} */ ([line.split(':', 1)[0] ?? '', line.slice(line.indexOf(':') + 1)])),
  );

/** @param {Connection} connection @returns {Promise<import('./decision.mjs').Replication>} */
async function replicationOf(connection) {
  const info = fieldsOf(await connection.call(['INFO', 'replication'], REPLY_TIMEOUT_MS));
  const field = (/** @type {string} */ name) => info.get(name) ?? '';
  return { role: field('role'), id: field('master_replid'), formerId: field('master_replid2') };
}

/** @param {WatchdogConfiguration} configuration */
async function run(configuration) {
  const { service, username, password, caFile, heartbeatFile, pingPeriodMs, localAddress } = configuration;
  const { redis, sentinels } = configuration;
  const ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
  const accessOf = (/** @type {NodeAddress} */ { host, port }) => ({
    ...{ host, port, username, password, ca, localAddress },
  });
  const nodes = redis.map((node) => new Peer(node, accessOf(node)));
  const observers = sentinels.map((node) => new Peer(node, accessOf(node), applySettings));
  /** @type {Set<string>} */
  const namedIds = new Set();

  /**
   * Applies the settings. A restarted sentinel closes its connections, so every new connection starts with this
   * function.
   * @param {Connection} sentinel
   */
  async function applySettings(sentinel) {
    if (pingPeriodMs === undefined) return;
    const command = ['SENTINEL', 'DEBUG', 'PING-PERIOD', String(pingPeriodMs)];
    await sentinel
      .call(command, REPLY_TIMEOUT_MS)
      .catch((error) => log(`ping period not set: ${error.message}`));
  }

  /** @param {Peer} sentinel @returns {Promise<import('./decision.mjs').Report>} */
  async function reportOf(sentinel) {
    const reply = await sentinel.call(['SENTINEL', 'MASTER', service]);
    const words = Array.isArray(reply) ? reply.map(String) : [];
    const field = (/** @type {string} */ name) => words[words.indexOf(name) + 1] ?? '';
    return { master: `${field('ip')}:${field('port')}`, epoch: Number(field('config-epoch')) };
  }

  async function findNamed() {
    const replies = await Promise.allSettled(observers.map(reportOf));
    const reports = replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []));
    return namedMaster(reports, observers.length);
  }

  /** @param {Peer} node */
  async function examine(node) {
    const connection = await node.connection();
    const own = await replicationOf(connection);
    if (own.role !== 'master') return;
    const startedMs = performance.now();
    const named = await findNamed();
    if (named === node.address) return remember(own.id);
    const master = nodes.find(({ address }) => address === named);
    if (master === undefined) return;
    const itsReplication = await replicationOf(await master.connection());
    if (!isDeposed(own, itsReplication, namedIds)) return;
    if (performance.now() - startedMs > MAX_DECISION_MS) return;
    await connection.send(
      [
        ['MULTI'],
        ['REPLICAOF', master.host, String(master.port)],
        ['CONFIG', 'REWRITE'],
        ['CLIENT', 'KILL', 'TYPE', 'normal'],
        ['EXEC'],
      ],
      REPLY_TIMEOUT_MS,
    );
    log(`${node.id} was deposed and reported master: it now replicates ${master.id}`);
  }

  /** @param {string} id */
  function remember(id) {
    namedIds.delete(id);
    namedIds.add(id);
    const [oldest] = namedIds;
    if (namedIds.size > MAX_NAMED_IDS && oldest !== undefined) namedIds.delete(oldest);
  }

  /** @type {Set<Peer>} */
  const tilted = new Set();
  /** @param {Peer} sentinel */
  async function observe(sentinel) {
    const isTilted = fieldsOf(await sentinel.call(['INFO', 'sentinel'])).get('sentinel_tilt') === '1';
    if (isTilted === tilted.has(sentinel)) return;
    if (isTilted) tilted.add(sentinel);
    else tilted.delete(sentinel);
    log(
      `${sentinel.id} ${isTilted ? 'is in TILT mode: it observes and takes no part in a failover' : 'has left TILT mode'}`,
    );
  }

  if (heartbeatFile !== undefined) setInterval(() => writeFileSync(heartbeatFile, ''), SENTINEL_POLL_MS);
  log(`watches ${[...nodes, ...observers].map(({ id }) => id).join(', ')}`);
  await Promise.all([
    ...nodes.map((node) => node.repeat(POLL_MS, () => examine(node))),
    ...observers.map((sentinel) => sentinel.repeat(SENTINEL_POLL_MS, () => observe(sentinel))),
  ]);
}

process.on('SIGTERM', () => process.exit(0));
await run(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
