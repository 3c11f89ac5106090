import { KitError } from '../../config/errors.ts';

/** Returns the KitError that the call throws. */
export function catchKitError(act: () => unknown): KitError {
  try {
    act();
  } catch (error) {
    if (error instanceof KitError) return error;
    throw error;
  }
  throw new Error('the call did not throw');
}
