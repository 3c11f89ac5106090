import type { ClientModule } from './client-module.ts';

/**
 * Returns the key of one vector search in requirements document 001: namespace, vector and topK, normalised and hashed
 * by the key builder.
 */
export function vectorKey({ buildKey }: Pick<ClientModule, 'buildKey'>, tag: string, n: number): string {
  return buildKey('vector', { run: tag, namespace: 'documents', vector: [n / 10, 0.5, 0.25], topK: 5 });
}
