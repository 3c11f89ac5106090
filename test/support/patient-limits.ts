/**
 * Client limits for tests that do not concern slow replies. On a busy machine, Redis may reply late; with the default
 * limits, the client would then suspect a hang, and would load values or read without Redis.
 */
export const PATIENT_LIMITS = { commandTimeoutMs: 5_000, hangSuspectedMs: 5_000 } as const;

/** The same for tests that count loads. */
export const PATIENT_LOADS = { ...PATIENT_LIMITS, compute: { replyTimeoutMs: 5_000 } } as const;
