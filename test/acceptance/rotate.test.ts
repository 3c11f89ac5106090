/**
 * `kit rotate` on environments of local processes: two valid passwords at a time, with a client, a switchover and nodes
 * that restart in between.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseDocument } from 'yaml';
import { sentinelCache } from '../../client/index.ts';
import { EXIT } from '../../config/errors.ts';
import { secretsFile } from '../../config/secrets.ts';
import type { EnvironmentView } from '../../scripts/environment-view.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { ContinuousUse } from '../support/continuous-use.ts';
import { callKit } from '../support/kit-call.ts';
import { loginReply } from '../support/passwords.ts';
import { PATIENT_LIMITS } from '../support/patient-limits.ts';
import { waitUntil } from '../support/redis-process.ts';

const cli = new CliHarness();
const stateDir = join(cli.path, '.kit');
const SETTINGS = {
  'docker.protected': true,
  // Keeps a busy machine from causing a failover or a rejected write.
  'sentinel.downAfterMs': 10_000,
  'redis.minReplicasMaxLagSeconds': 20,
};

interface Stored {
  readonly redis: Readonly<Record<string, string>>;
  readonly sentinel: Readonly<Record<string, string>>;
  readonly rotation?: { readonly phase: string };
}

/** An environment of this test, with the state of its nodes as a client sees it. */
class Rotated {
  readonly name: string;
  readonly file: string;

  constructor(name: string, file: string) {
    this.name = name;
    this.file = file;
  }

  kit = (command: string, ...args: string[]) => callKit(command, '--env', this.file, ...args);

  async kitOk(command: string, ...args: string[]): Promise<string> {
    const { exitCode, out, err } = await this.kit(command, ...args);
    expect(exitCode, out + err).toBe(EXIT.GO);
    return out;
  }

  /**
   * Waits until kit status reports the environment as healthy. After a switchover or a new login, a sentinel may still
   * be connecting.
   */
  async becomesHealthy(): Promise<void> {
    const isHealthy = async () => (await this.kit('status')).exitCode === EXIT.GO;
    await waitUntil(`'${this.name}' to be healthy`, isHealthy);
  }

  passwords(): Stored {
    return JSON.parse(readFileSync(secretsFile(this.name, stateDir), 'utf8')) as Stored;
  }

  get #ledger() {
    const ledger = cli.readLedger(this.name);
    if (ledger === undefined) throw new Error(`no ledger for ${this.name}`);
    return ledger;
  }

  nodes(program: 'redis' | 'sentinel'): readonly string[] {
    return Object.keys(this.#ledger.placement).filter((id) => id.startsWith(program));
  }

  addresses(program: 'redis' | 'sentinel') {
    return this.nodes(program).map((id) => this.#ledger.placement[id] ?? { host: '', port: 0 });
  }

  /** A node that is not the master. After a switchover a sentinel may still be connecting to the new master. */
  async replica(): Promise<string> {
    let master: string | null = null;
    await waitUntil(`'${this.name}' to have a master`, async () => {
      master = (JSON.parse((await this.kit('status', '--json')).out) as EnvironmentView).master;
      return master !== null;
    });
    return this.nodes('redis').find((id) => id !== master) ?? '';
  }

  async kill(id: string): Promise<void> {
    await cli.killProcess(this.#ledger.processes[id]?.pid ?? 0);
  }

  /** The node's reply to an AUTH with this user and password. */
  async login(id: string, user: string, password: string): Promise<string> {
    const { host, port } = this.#ledger.placement[id] ?? { host: '', port: 0 };
    return loginReply({ host, port }, user, password);
  }

  /** Distinct replies from all nodes to logins by every user with these passwords. */
  async logins({ redis, sentinel }: Stored): Promise<readonly string[]> {
    const of = (program: 'redis' | 'sentinel', passwords: Stored['redis']) =>
      this.nodes(program).flatMap((id) =>
        Object.entries(passwords).map(([user, password]) => this.login(id, user, password)),
      );
    return [...new Set(await Promise.all([...of('redis', redis), ...of('sentinel', sentinel)]))];
  }
}

let rotated: Rotated;
beforeAll(async () => {
  process.env.KIT_STATE_DIR = stateDir;
  rotated = new Rotated('rotated', cli.writeEnvironment('rotated', SETTINGS));
  await rotated.kitOk('up');
});
afterAll(async () => {
  delete process.env.KIT_STATE_DIR;
  await cli[Symbol.asyncDispose]();
});

describe('kit rotate', () => {
  it('refuses without a confirmation, without a rotation to finish, and for unknown users', async () => {
    const before = rotated.passwords();
    const unconfirmed = await rotated.kit('rotate', '--json');
    expect(JSON.parse(unconfirmed.out).error).toMatchObject({ code: 'UNCONFIRMED' });
    const finish = await rotated.kit('rotate', '--phase', 'finish', '--yes', '--json');
    expect(finish.exitCode).toBe(EXIT.NO_GO);
    expect(JSON.parse(finish.out).error).toMatchObject({
      code: 'ROTATION_REFUSED',
      message: "no rotation of passwords is in progress in 'rotated'",
    });
    const unknown = await rotated.kit('rotate', '--user', 'root');
    expect(unknown.exitCode).toBe(EXIT.USAGE);
    expect(unknown.err).toContain('Must be one of admin, app, replication, sentinel, exporter, peer, all');
    process.env.KIT_REDIS_APP_PASSWORD = before.redis.app;
    try {
      const given = await rotated.kit('rotate', '--user', 'app', '--yes', '--json');
      expect(JSON.parse(given.out).error).toMatchObject({ code: 'SECRETS_GIVEN' });
    } finally {
      delete process.env.KIT_REDIS_APP_PASSWORD;
    }
    expect(rotated.passwords()).toEqual(before);
  });

  it('causes no client operation to fail, even with a switchover and restarts between begin and finish', async () => {
    const former = rotated.passwords();
    const logins: string[] = [];
    const cache = sentinelCache({
      sentinels: rotated.addresses('sentinel'),
      serviceName: 'mymaster',
      namespace: 'cache_dev',
      username: 'app',
      password: () => {
        const { app } = rotated.passwords().redis;
        logins.push(app ?? '');
        return app ?? '';
      },
      sentinelUsername: 'app',
      sentinelPassword: () => rotated.passwords().sentinel.app ?? '',
      ...PATIENT_LIMITS,
    });
    onTestFinished(async () => void (await cache.close()));
    const use = new ContinuousUse(cache);
    try {
      await use.more(50);
      await rotated.kitOk('rotate', '--phase', 'begin', '--yes');
      expect(await rotated.logins(former)).toEqual(['OK']);
      expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
      await rotated.becomesHealthy();
      const view = JSON.parse(await rotated.kitOk('status', '--json')) as EnvironmentView;
      expect(view.differences).toEqual([]);
      expect(view.rotation).toContain('the nodes accept two passwords until kit rotate');

      await rotated.kitOk('switchover');
      await use.more(50);
      expect(logins.at(-1)).toBe(rotated.passwords().redis.app);

      for (const id of [await rotated.replica(), 'sentinel-3']) await rotated.kill(id);
      await rotated.kitOk('up');
      expect(await rotated.logins(former)).toEqual(['OK']);
      expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);

      await rotated.kitOk('rotate', '--phase', 'finish', '--yes');
      await use.more(50);
      await rotated.kitOk('switchover');
      await use.more(50);
    } finally {
      await use.stop();
    }
    expect(use.failed).toEqual([]);
    expect(await use.lostKeys()).toEqual([]);
    expect(await rotated.logins(former)).toEqual(['WRONGPASS']);
    expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
    expect(rotated.passwords().rotation).toBeUndefined();
    expect(logins).toContain(former.redis.app);
    await rotated.becomesHealthy();
  });

  it.each([
    ['every node accepts both passwords'],
    ['the nodes log in with the current passwords'],
    ['every node refuses the other passwords'],
  ])('continues after it was killed at the message: %s', async (step) => {
    const former = rotated.passwords();
    const killed = cli.start(['rotate', '--env', rotated.file, '--yes']);
    await killed.waitForProgress(new RegExp(step));
    killed.kill('SIGKILL');
    await killed.waitForExit();
    expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
    await rotated.becomesHealthy();
    // A command that was killed at its last step may have completed the rotation.
    if (rotated.passwords().rotation !== undefined) {
      const again = JSON.parse(await rotated.kitOk('rotate', '--yes', '--json'));
      expect(again).toMatchObject({ state: 'finished', continued: true });
    }
    expect(await rotated.logins(former)).toEqual(['WRONGPASS']);
    expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
  });

  it('cancel makes the previous passwords current again, and the nodes then refuse the new ones', async () => {
    const former = rotated.passwords();
    await rotated.kitOk('rotate', '--user', 'app', '--phase', 'begin', '--yes');
    const begun = rotated.passwords();
    expect(begun.redis.app).not.toBe(former.redis.app);
    expect(begun.redis.admin).toBe(former.redis.admin);
    const other = await rotated.kit('rotate', '--user', 'admin', '--yes', '--json');
    expect(JSON.parse(other.out).error).toMatchObject({
      code: 'ROTATION_REFUSED',
      message: "a rotation of app is in progress in 'rotated'",
    });
    await rotated.kitOk('rotate', '--phase', 'cancel');
    expect(await rotated.logins(former)).toEqual(['OK']);
    expect(await rotated.login('redis-1', 'app', begun.redis.app ?? '')).toBe('WRONGPASS');
    expect(await rotated.login('sentinel-1', 'app', begun.sentinel.app ?? '')).toBe('WRONGPASS');
    expect(rotated.passwords().redis).toEqual(former.redis);
  });

  it('changes the files of nodes that are down: they start with the new passwords', async () => {
    const former = rotated.passwords();
    const down = [await rotated.replica(), 'sentinel-3'];
    for (const id of down) await rotated.kill(id);
    const report = JSON.parse(await rotated.kitOk('rotate', '--yes', '--json'));
    expect(report.stopped).toEqual(down);
    await rotated.kitOk('up');
    expect(await rotated.logins(former)).toEqual(['WRONGPASS']);
    expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
  });

  it('continues after kit apply, which keeps both passwords of every user', async () => {
    const former = rotated.passwords();
    const begun = await rotated.kitOk('rotate', '--phase', 'begin', '--yes');
    expect(begun).toContain(`then: kit rotate --env ${rotated.file} --phase finish`);
    // The namespace is part of the ACL rules of the users, so their files are rendered again.
    cli.writeEnvironment('rotated', { ...SETTINGS, 'client.namespace': 'renamed' });
    await rotated.kitOk('apply', '--yes');
    expect(await rotated.logins(former)).toEqual(['OK']);
    expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
    await rotated.kitOk('rotate', '--phase', 'finish', '--yes');
    expect(await rotated.logins(former)).toEqual(['WRONGPASS']);
    expect(await rotated.logins(rotated.passwords())).toEqual(['OK']);
  });

  it('refuses while a node is paused, and changes nothing', async () => {
    const before = rotated.passwords();
    const pid = cli.readLedger('rotated')?.processes['sentinel-2']?.pid ?? 0;
    await cli.pauseProcess(pid);
    try {
      const paused = await rotated.kit('rotate', '--yes', '--json');
      expect(JSON.parse(paused.out).error).toMatchObject({
        code: 'ROTATION_REFUSED',
        message: 'sentinel-2 is paused and would keep its passwords',
      });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(rotated.passwords()).toEqual(before);
  });
});

describe('kit rotate on other topologies', () => {
  it.each(['single', 'cluster'])('replaces all passwords: %s', async (kind) => {
    const document = parseDocument(readFileSync(resolve(`config/environments/${kind}.yaml`), 'utf8'));
    const name = `rotated-${kind}`;
    document.setIn(['name'], name);
    if (kind === 'cluster') {
      document.setIn(['redis', 'port'], 26_360);
      document.setIn(['cluster', 'busPort'], 26_560);
      document.setIn(['cluster', 'nodeTimeoutMs'], 5_000);
    }
    const other = new Rotated(name, cli.writeFile(`${name}.yaml`, String(document)));
    await other.kitOk('up');
    const former = other.passwords();
    await other.kitOk('rotate');
    // In a topology without sentinels, the sentinel passwords exist only in the secrets file.
    expect(other.passwords().sentinel).toEqual(former.sentinel);
    expect(await other.logins(former)).toEqual(['WRONGPASS']);
    expect(await other.logins(other.passwords())).toEqual(['OK']);
    if (kind === 'cluster') await other.kitOk('switchover', '--shard', 'redis-1');
    await other.becomesHealthy();
    await other.kitOk('down');
  });
});
