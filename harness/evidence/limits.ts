/**
 * Bounds on the contents of a run folder. A run of this kit stays far below each of them; a folder above a limit is
 * broken or crafted, and is refused before a loop or an allocation depends on the value.
 */

/** Longest run: 31 days, in microseconds of the run's clock. */
export const MAX_TIME_US = 31 * 24 * 3_600 * 1_000_000;

/** Longest duration that a field in milliseconds may give. */
export const MAX_TIME_MS = MAX_TIME_US / 1_000;

/** Fault events of one trial; checkers compare each fault with every operation. A storm of an hour has about 1,500. */
export const MAX_FAULT_EVENTS = 4_000;

/** Keys of one batch, which a recorder writes on one line. A drill uses 100. */
export const MAX_BATCH = 100_000;

/** Clients of one trial; each is judged by every checker. A drill has at most 2. */
export const MAX_CLIENTS = 16;

/** Nodes that are read back in one trial; each is compared with its master key by key. A topology has at most 10. */
export const MAX_NODES = 64;

/** Rounds of one run: the first and its repetitions (`--retries`, at most 10). */
export const MAX_ROUNDS = 11;

/** Trials of one run. A full readiness run has about 200. */
export const MAX_TRIALS = 10_000;

/** Files of one trial: its events and one per client. */
export const MAX_TRIAL_FILES = 2 * MAX_CLIENTS;

/** Characters of a name: a client, a drill, a node, a phase. */
export const MAX_NAME_CHARACTERS = 128;

/** Characters of a sentence or an argument in the manifest; a report prints them in full. */
export const MAX_TEXT_CHARACTERS = 100_000;

/** Gates, and waivers, of one run: each gate looks at every trial. The kit has about 90. */
export const MAX_GATES = 1_000;

/** A file that is read completely as JSON: manifest, seal, configuration, gates, drills, coverage summary. */
export const MAX_JSON_BYTES = 64 * 1024 ** 2;

/** One history: the longest string that every supported Node holds is 2^29 - 24 characters. */
export const MAX_HISTORY_BYTES = 2 ** 29 - 24;
