/**
 * How this code runs: TypeScript in the checkout, or JavaScript in the installed package. `npm pack` builds the package
 * (`tools/package-build/`): its folder `dist` has the layout of the checkout, so that relative paths are the same.
 */

/** Whether this is the installed package. */
export const IS_BUILT = import.meta.filename.endsWith('.js');

/** Extension of this project's modules: `.ts` or `.js`. */
export const MODULE_ENDING = IS_BUILT ? '.js' : '.ts';

/**
 * URL of a module for a thread or process, next to the calling one.
 *
 * @param name without its ending: `./worker`
 * @param base `import.meta.url` of the caller
 */
export const moduleUrl = (name: string, base: string): URL => new URL(`${name}${MODULE_ENDING}`, base);
