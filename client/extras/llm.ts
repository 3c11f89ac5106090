/**
 * Caches answers of language models: the same question to the same model with the same parameters gets the same answer, and the
 * model is called once. Answers are stored with model, time and metadata; one command invalidates all answers of a model.
 */

import type { Cache, ComputeCallOptions, LoadContext } from '../api/types.ts';
import { assertName } from '../keys/identity.ts';
import { buildResponseKey } from '../keys/keys.ts';
import { CALL_OPTIONS } from '../options/cache-option-names.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';

/** Properties by which two questions are equal. */
export interface LlmRequest {
  /** The model's name. */
  readonly model: string;
  /** A text, or messages: plain data. */
  readonly prompt: unknown;
  /** Other inputs that change the answer: temperature, tools, seed. */
  readonly params?: unknown;
}

/** An answer as it is kept. */
export interface LlmAnswer {
  readonly response: string;
  readonly model: string;
  /** When the model answered: Unix time in seconds. */
  readonly timestamp: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Result of a call of the model. */
export interface LlmResult {
  readonly response: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** How answers are kept: TTL, timeouts and the rest of `getOrCompute`. */
export interface LlmCacheOptions extends Omit<ComputeCallOptions<LlmAnswer>, 'schema' | 'tags'> {
  /** First part of the keys, behind the namespace; default `llm`. */
  readonly prefix?: string;
}

/** Answers of language models, asked once. */
export interface LlmCache {
  /** The cached answer, or the one that `call` gives; `cached` says which. An error of `call` is not stored. */
  ask(
    request: LlmRequest,
    call: (context: LoadContext) => Promise<LlmResult> | LlmResult,
  ): Promise<LlmAnswer & { readonly cached: boolean }>;
  /** undefined: not asked yet. */
  peek(request: LlmRequest): Promise<LlmAnswer | undefined>;
  /** Removes one answer: true where there was one. */
  forget(request: LlmRequest): Promise<boolean>;
  /** All answers of a model are misses from now on. */
  invalidateModel(model: string): Promise<void>;
  /** The logical key of an answer. */
  keyOf(request: LlmRequest): string;
  /** The tag that all answers of a model carry. */
  tagOf(model: string): string;
}

const LLM = new Set(['prefix', ...CALL_OPTIONS].filter((name) => name !== 'schema' && name !== 'tags'));
const REQUEST = optionNames<LlmRequest>({ model: true, prompt: true, params: true });

/** A cache of answers over any cache. */
export function llmCache(cache: Cache, options: LlmCacheOptions = {}): LlmCache {
  assertOptions('', options, LLM);
  const { prefix = 'llm', ...access } = options;
  const name = (model: string): string => `${prefix}.${escaped(model)}`;
  const keyOf = (request: LlmRequest): string => {
    // A parameter that is not part of the key would give one answer for all its values.
    assertOptions('request', request, REQUEST);
    const { model, prompt, params } = request;
    return buildResponseKey(name(model), { model, prompt, params });
  };
  return {
    keyOf,
    tagOf: name,
    ask: async (request, call) => {
      const { value, source } = await cache.getOrComputeEntry<LlmAnswer>(
        keyOf(request),
        async (context) => {
          const { response, metadata = {} } = await call(context);
          return { response, model: request.model, timestamp: Math.floor(Date.now() / 1000), metadata };
        },
        { ...access, tags: [name(request.model)], schema: ANSWER },
      );
      return { ...value, cached: source !== 'loader' };
    },
    peek: (request) => cache.get<LlmAnswer>(keyOf(request), { schema: ANSWER }),
    forget: async (request) => (await cache.delete(keyOf(request))) > 0,
    invalidateModel: async (model) => {
      await cache.invalidateTags(name(model));
    },
  };
}

/** Models are named `llama3:8b` and `org/model`; keys and patterns have a meaning for `:`, `*` and others. */
function escaped(model: string): string {
  assertName('model', model);
  return encodeURIComponent(model).replace(
    /[*!'()]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** An entry that something else wrote under the key is a miss. */
const ANSWER = {
  '~standard': {
    version: 1 as const,
    vendor: 'redis-cache-kit',
    validate: (value: unknown) =>
      isAnswer(value) ? { value } : { issues: [{ message: 'not an answer of a language model' }] },
  },
};

function isAnswer(value: unknown): value is LlmAnswer {
  const answer = value as Partial<LlmAnswer> | null;
  return (
    typeof answer === 'object' &&
    typeof answer?.response === 'string' &&
    typeof answer.model === 'string' &&
    typeof answer.timestamp === 'number' &&
    typeof answer.metadata === 'object'
  );
}
