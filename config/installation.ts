/**
 * Determines how this code runs: as TypeScript in the checkout, or as JavaScript in the installed package. `npm pack`
 * builds the package (`tools/package-build/`). Its folder `dist` has the layout of the checkout, so that relative paths
 * are the same.
 */

/** Whether this code runs in the installed package. */
export const IS_BUILT = import.meta.filename.endsWith('.js');

/** Extension of this project's modules: `.ts` or `.js`. */
export const MODULE_ENDING = IS_BUILT ? '.js' : '.ts';

/**
 * Returns the URL of a module for a thread or process, next to the calling module.
 *
 * @param name path without the file extension: `./worker`
 * @param base `import.meta.url` of the caller
 */
export const moduleUrl = (name: string, base: string): URL => new URL(`${name}${MODULE_ENDING}`, base);
