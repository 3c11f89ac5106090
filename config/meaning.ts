/**
 * Meaning of a setting, for docs/settings.md: `npm run docs:settings` writes it.
 *
 * @param allowed values in words, where the schema alone does not give them
 */
export const means = (meaning: string, allowed?: string) => ({ meaning, ...(allowed && { allowed }) });
