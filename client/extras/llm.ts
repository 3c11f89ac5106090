/**
 * Caches answers from language models. The same question to the same model with the same parameters returns the stored
 * answer, so the model is called once. Answers are stored with the model, time and metadata; one command invalidates
 * all answers from a model.
 *
 * @module llm
 */

import type { Cache, ComputeCallOptions, LoadContext } from '../api/types.ts';
import { assertName } from '../keys/identity.ts';
import { buildResponseKey } from '../keys/keys.ts';
import { assertCache, assertGiven } from '../options/arguments.ts';
import { CALL_OPTIONS } from '../options/cache-option-names.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';

/** Question to a model. Two questions with equal properties share an answer. */
export interface LlmRequest {
  /** Name of the model. */
  readonly model: string;
  /** Prompt: a string, or messages as plain data. */
  readonly prompt: unknown;
  /** Other inputs that change the answer: temperature, tools, seed. */
  readonly params?: unknown;
}

/** A stored answer. */
export interface LlmAnswer {
  readonly response: string;
  readonly model: string;
  /** Unix time of the answer, in seconds. */
  readonly timestamp: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Result of a call to the model. */
export interface LlmResult {
  readonly response: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Options for stored answers: TTL, timeouts and the other options of `getOrCompute`. */
export interface LlmCacheOptions extends Omit<ComputeCallOptions<LlmAnswer>, 'schema' | 'tags'> {
  /** Prefix of the keys, after the namespace; default `llm`. */
  readonly prefix?: string;
}

/** Cache of language model answers. */
export interface LlmCache {
  /**
   * Returns the cached answer, or the answer from `call`; `cached` states which of the two was returned. Errors from
   * `call` are not stored.
   */
  ask(
    request: LlmRequest,
    call: (context: LoadContext) => Promise<LlmResult> | LlmResult,
  ): Promise<LlmAnswer & { readonly cached: boolean }>;
  /** Returns the cached answer; undefined if no answer is cached. */
  peek(request: LlmRequest): Promise<LlmAnswer | undefined>;
  /** Removes one answer; returns true if it existed. */
  forget(request: LlmRequest): Promise<boolean>;
  /** Invalidates all answers from a model. */
  invalidateModel(model: string): Promise<void>;
  /** Returns the logical key of an answer. */
  keyOf(request: LlmRequest): string;
  /** Returns the tag shared by all answers from a model. */
  tagOf(model: string): string;
}

const LLM = new Set(['prefix', ...CALL_OPTIONS].filter((name) => name !== 'schema' && name !== 'tags'));
const REQUEST = optionNames<LlmRequest>({ model: true, prompt: true, params: true });

/** Opens an answer cache on top of a cache. */
export function llmCache(cache: Cache, options: LlmCacheOptions = {}): LlmCache {
  assertCache(cache);
  assertOptions('', options, LLM);
  const { prefix = 'llm', ...access } = options;
  const name = (model: string): string => `${prefix}.${escapeModel(model)}`;
  const keyOf = (request: LlmRequest): string => {
    // An unknown parameter would not be part of the key, so all its values would share one answer.
    assertGiven('request', request);
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

/**
 * Escapes the name of a model. Names such as `llama3:8b` and `org/model` contain characters that have a special meaning
 * in keys and patterns.
 */
function escapeModel(model: string): string {
  assertName('model', model);
  return encodeURIComponent(model).replace(
    /[*!'()]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Schema of stored answers. An entry that another program stored under the key is a miss. */
const ANSWER = {
  '~standard': {
    version: 1 as const,
    vendor: 'redis-cache-kit',
    validate: (value: unknown) =>
      isAnswer(value) ? { value } : { issues: [{ message: 'not an answer from a language model' }] },
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
