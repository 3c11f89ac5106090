/**
 * Bounds on the contents of a run folder. A run by this kit stays far below each of them; a folder that exceeds one is
 * broken or crafted, and is refused before a loop or an allocation depends on the value.
 */

/** Maximum duration of a run: 31 days, in microseconds of the run's clock. */
export const MAX_TIME_US = 31 * 24 * 3_600 * 1_000_000;

/** Maximum value of a field that is a duration in milliseconds. */
export const MAX_TIME_MS = MAX_TIME_US / 1_000;

/**
 * Maximum number of fault events in one trial; checkers compare each fault with every operation. A storm of an hour has
 * about 1,500.
 */
export const MAX_FAULT_EVENTS = 4_000;

/** Maximum number of keys in one batch, which a recorder writes on one line. A drill uses 100. */
export const MAX_BATCH = 100_000;

/** Maximum number of clients in one trial; every checker judges each client. A drill has at most 2. */
export const MAX_CLIENTS = 16;

/**
 * Maximum number of nodes that are read back in one trial; each is compared with its master key by key. A topology has
 * at most 10.
 */
export const MAX_NODES = 64;

/** Maximum number of rounds in one run: the first and its repetitions (`--retries`, at most 10). */
export const MAX_ROUNDS = 11;

/** Maximum number of trials in one run. A full readiness run has about 200. */
export const MAX_TRIALS = 10_000;

/** Maximum number of files for one trial: a trial has one file for its events and one per client. */
export const MAX_TRIAL_FILES = 2 * MAX_CLIENTS;

/** Maximum number of characters in the name of a client, drill, node or phase. */
export const MAX_NAME_CHARACTERS = 128;

/** Maximum number of characters in a sentence or an argument in the manifest; a report prints them in full. */
export const MAX_TEXT_CHARACTERS = 100_000;

/** Maximum number of gates, and of waivers, in one run: each gate reads every trial. The kit has about 90. */
export const MAX_GATES = 1_000;

/**
 * Maximum size of a file that is read completely as JSON: manifest, seal, configuration, gates, drills, coverage
 * summary.
 */
export const MAX_JSON_BYTES = 64 * 1024 ** 2;

/** Maximum size of one history, which is read in pieces. */
export const MAX_HISTORY_BYTES = 2 ** 31;

/** Maximum size of one line of a history, which is parsed as one string. A batch of 100,000 keys takes about 8 MB. */
export const MAX_LINE_BYTES = 64 * 1024 ** 2;

/** Maximum size of a report: the longest string in every supported Node.js version has 2^29 - 24 characters. */
export const MAX_REPORT_BYTES = 2 ** 29 - 24;
