/**
 * Limits of a client whose test does not concern slow replies. On a busy machine Redis may answer late; with the
 * defaults, the client would suspect a hang and load or read without it.
 */
export const PATIENT_LIMITS = { commandTimeoutMs: 5_000, hangSuspectedMs: 5_000 } as const;
