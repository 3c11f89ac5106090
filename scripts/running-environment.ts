/** Runs an operation on a running environment that the options name, then releases the environment. */
import type { Environment } from '../infra/substrates/environment.ts';
import { type FindOptions, requestedEnvironment, requireEnvironment } from './find-environment.ts';

/** Runs the operation. @throws the same errors as `requireEnvironment` */
export async function withRunning<T>(
  options: FindOptions,
  operate: (environment: Environment) => Promise<T>,
): Promise<T> {
  const { environment } = await requireEnvironment(options.substrate, requestedEnvironment(options));
  try {
    return await operate(environment);
  } finally {
    await environment[Symbol.asyncDispose]();
  }
}
