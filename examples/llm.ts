/**
 * Caches responses of language models. The model in this example is a function that counts its calls.
 *
 *   node examples/llm.ts redis://127.0.0.1:6379
 */
import { llmCache } from '../client/extras/llm.ts';
import { redisCache } from '../client/index.ts';

export async function llm(url: string) {
  let calls = 0;
  const askModel = async (prompt: string) => ({
    response: `${prompt} 42.`,
    metadata: { tokens: 3, call: ++calls },
  });

  // #region llm
  const cache = redisCache({ url, namespace: 'agent' });
  const answers = llmCache(cache, { ttlSeconds: 600 });

  const request = { model: 'gpt-4o-mini', prompt: 'The answer?', params: { temperature: 0 } };
  const fresh = await answers.ask(request, () => askModel(request.prompt));
  // The model changed: invalidate all its responses.
  await answers.invalidateModel('gpt-4o-mini');
  const renewed = await answers.ask(request, () => askModel(request.prompt));
  // #endregion
  await cache.clear();
  await cache.close();
  return { fresh, renewed, calls };
}

if (import.meta.main) console.log(await llm(process.argv[2] ?? 'redis://127.0.0.1:6379'));
