/**
 * Returns the metadata of a setting with its meaning, which `npm run docs:settings` writes to docs/settings.md.
 *
 * @param allowed allowed values in words, if the schema alone does not describe them
 */
export const means = (meaning: string, allowed?: string) => ({ meaning, ...(allowed && { allowed }) });
