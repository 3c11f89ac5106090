/**
 * The client that the drills judge, as a module with the client's public surface.
 *
 *   spec.module absent ─▶ the kit's own client
 *   spec.module        ─▶ a module that replaces it, loaded by its URL in every thread and process that opens caches
 *
 * The planted-fault test suite provides such a module; a run of the `kit` command never names one
 * (`harness/run/planted-client.ts`). The module exports everything that the client exports
 * (`export * from '…/client/index.ts'`), and replaces `openCache` or another export.
 */
import * as ownClient from '../../client/index.ts';
import { KitError } from '../../config/errors.ts';

/** The public surface of the client. */
export type ClientModule = typeof ownClient;

/**
 * Loads the client. @throws KitError `CLIENT_MODULE_INVALID` if the module cannot be loaded or lacks some of the
 * client's exports
 */
export async function loadClient({ module }: { readonly module?: string }): Promise<ClientModule> {
  if (module === undefined) return ownClient;
  const loaded = (await import(module).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalidModule(module, `cannot be loaded: ${reason}`, cause);
  })) as Partial<ClientModule>;
  const missing = Object.keys(ownClient).filter((name) => !Object.hasOwn(loaded, name));
  if (missing.length > 0) throw invalidModule(module, `does not export ${missing.join(', ')}`);
  return loaded as ClientModule;
}

function invalidModule(module: string, problem: string, cause?: unknown): KitError {
  return new KitError(`the client module ${problem}`, {
    code: 'CLIENT_MODULE_INVALID',
    where: module,
    hint: "pass the URL of a module that has `export * from` the client's index.ts",
    cause,
  });
}
