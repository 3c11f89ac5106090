/**
 * An image registry on a loopback port, from Debian's package, which is unpacked but not installed. The engine uses
 * plain HTTP for 127.0.0.0/8.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from './redis-process.ts';

const run = promisify(execFile);

export interface ImageRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Digest of a tag, as the registry reports it. */
  digestOf(repository: string, tag: string): Promise<string>;
  stop(): Promise<void>;
}

/** Reason why the registry cannot run on this machine; empty if it can. */
export async function findRegistryProblem(): Promise<string> {
  const { stdout } = await run('apt-cache', ['show', 'docker-registry']).catch(() => ({ stdout: '' }));
  return stdout === '' ? "no apt package 'docker-registry' to start a registry from" : '';
}

export async function startImageRegistry(): Promise<ImageRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'kit-test-'));
  await run('apt-get', ['download', '-qq', 'docker-registry'], { cwd: dir });
  const deb = readdirSync(dir).find((name) => name.endsWith('.deb')) ?? '';
  await run('dpkg-deb', ['-x', join(dir, deb), dir]);
  const host = `127.0.0.1:${await freePort()}`;
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(dir, 'storage') } },
    http: { addr: host },
  };
  writeFileSync(join(dir, 'config.yml'), JSON.stringify(config));
  const server = spawn(join(dir, 'usr/bin/docker-registry'), ['serve', join(dir, 'config.yml')], {
    stdio: 'ignore',
  });
  const stopped = once(server, 'exit');
  const answers = async () => (await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok === true;
  await waitUntil('the registry to answer', answers, 10_000);
  return {
    host,
    async digestOf(repository, tag) {
      const accept = 'application/vnd.docker.distribution.manifest.v2+json';
      const response = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
        headers: { accept },
      });
      return response.headers.get('docker-content-digest') ?? `${response.status}`;
    },
    async stop() {
      server.kill();
      await stopped;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
