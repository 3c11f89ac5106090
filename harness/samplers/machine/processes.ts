/**
 * Finds the processes on this machine that an operation passes through: the server of a node, and the process of the
 * Docker engine that forwards its published port. Reads Linux's /proc; on other systems nothing is found.
 */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Matches the process names of servers. A pid that a remote Docker engine reports belongs to an unrelated process on
 * this machine.
 */
const SERVERS = /^(redis|valkey|keydb)-/;
/** Matches the process names of the init programs that run as process 1 of a container and start the server. */
const INITS = /^(docker-init|tini|catatonit)$/;
const FORWARDER = 'docker-proxy';

/**
 * Returns the process ID of the server; undefined if the process is not visible here.
 *
 * @param pid process ID of the node: of the server itself, or of the init program of its container
 */
export function findServer(pid: number): number | undefined {
  if (pid <= 0) return undefined;
  const name = nameOf(pid);
  if (SERVERS.test(name)) return pid;
  if (!INITS.test(name)) return undefined;
  return childrenOf(pid).find((child) => SERVERS.test(nameOf(child)));
}

/**
 * Returns the process ID of Docker's userland proxy, through which connections from this machine to a published port
 * pass; undefined if there is none for this address.
 */
export function findForwarder({ host, port }: { host: string; port: number }): number | undefined {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => nameOf(pid) === FORWARDER && forwards(pid, host, port));
}

/** Returns the paths of the `schedstat` files of all threads of a process; empty if it has ended. */
export function threadPathsOf(pid: number): readonly string[] {
  return list(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
}

function forwards(pid: number, host: string, port: number): boolean {
  const words = readProcFile(`/proc/${pid}/cmdline`).split('\0');
  const optionValue = (option: string) => words[words.indexOf(option) + 1];
  return optionValue('-host-port') === String(port) && optionValue('-host-ip') === host;
}

const nameOf = (pid: number): string => readProcFile(`/proc/${pid}/comm`).trim();

function childrenOf(pid: number): readonly number[] {
  const text = readProcFile(`/proc/${pid}/task/${pid}/children`).trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Returns the text of a file in /proc; empty if the process has ended or the system has no such file. */
export function readProcFile(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
