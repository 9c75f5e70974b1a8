/**
 * What a preload does to the real agent that it is loaded into, as JSON in the file that `SARTOR_FAULTS` names. The file is read again before each
 * change of the agent's state, so that a running agent can be given another fault.
 */
export interface InjectedFault {
  /** SIGKILL where the journal is written with this step: right before it or right after. Counts once a process. */
  readonly killAtStep?: { readonly step: string; readonly when: "before" | "after" };
  /** SIGKILL in front of the n-th change of the state folder by a file call, counted from 1 since the fault was given. */
  readonly killAtCall?: number;
  /** With a kill: what was not made durable by fsync is lost as well, as a power cut does; the seed says which part of it. */
  readonly losingUnsynced?: number;
  /** Each file call and each write to the database fails with this probability. */
  readonly errors?: {
    readonly seed: number;
    readonly probability: number;
    readonly codes: readonly ("ENOSPC" | "EIO")[];
  };
  /** How far the wall clock is off, ms. */
  readonly clockOffsetMs?: number;
  /** The clock jumps to that offset, ms, when the journal is written with this step. */
  readonly clockJump?: { readonly step: string; readonly offsetMs: number };
}

/** What each line of the preload begins with, in the agent's log. */
export const FAULT_MARK = "fault:";
