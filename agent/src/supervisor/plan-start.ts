import { z } from "zod";

export const RELEASE_SLOTS = ["a", "b"] as const;
export type ReleaseSlot = (typeof RELEASE_SLOTS)[number];

/** A release is given up when it was started so often and has proved nothing: a kill or a power cut counts as a start, too. */
export const MOST_TRIAL_STARTS = 3;
/** Releases that were given up, and are remembered; the oldest goes first. */
const MOST_REFUSED = 16;

const releaseIdSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const placedSchema = z.object({ slot: z.enum(RELEASE_SLOTS), releaseId: releaseIdSchema });

/** A release of the agent in its slot. */
export type PlacedRelease = z.infer<typeof placedSchema>;

/** What the supervisor knows, written before it acts. */
export const supervisorStateSchema = z.object({
  schemaVersion: z.literal(1),
  /** The last release that proved itself; it is never removed. */
  committed: placedSchema,
  /** One that may take over. */
  trial: placedSchema.extend({ starts: z.number().int().min(0) }).nullable(),
  /** Releases that did not prove themselves. */
  refused: z.array(releaseIdSchema).max(MOST_REFUSED),
});
export type SupervisorState = z.infer<typeof supervisorStateSchema>;

/** What to start, and what to write down before. */
export interface StartPlan {
  readonly state: SupervisorState;
  readonly start: PlacedRelease;
  /** It has to prove itself in time. */
  readonly isProvisional: boolean;
  /** A trial that was given up just now. */
  readonly gaveUp: PlacedRelease | undefined;
}

/** The device's first release: there is nothing to fall back to. */
export function planFirst(release: PlacedRelease): SupervisorState {
  return { schemaVersion: 1, committed: release, trial: null, refused: [] };
}

/** Puts a release on trial. Undefined where it cannot be: it runs, was given up before, or would overwrite the one that is kept. */
export function planTrial(state: SupervisorState, release: PlacedRelease): SupervisorState | undefined {
  const { committed, refused } = state;
  if (release.slot === committed.slot || release.releaseId === committed.releaseId) return undefined;
  if (refused.includes(release.releaseId)) return undefined;
  return { ...state, trial: { ...release, starts: 0 } };
}

/** What to start now: the trial while it has starts left, else what is committed. Each start of a trial is counted before it happens. */
export function planStart(state: SupervisorState): StartPlan {
  const { trial, committed } = state;
  if (trial === null) return { state, start: committed, isProvisional: false, gaveUp: undefined };
  if (trial.starts >= MOST_TRIAL_STARTS) {
    return { state: planRollBack(state), start: committed, isProvisional: false, gaveUp: placeOf(trial) };
  }
  const counted = { ...state, trial: { ...trial, starts: trial.starts + 1 } };
  return { state: counted, start: placeOf(trial), isProvisional: true, gaveUp: undefined };
}

/** The trial has proved itself: from now on it is the one that is kept. */
export function planCommit(state: SupervisorState): SupervisorState {
  return state.trial === null ? state : { ...state, committed: placeOf(state.trial), trial: null };
}

/** The trial is over: what was committed goes on, and this release is not tried again. */
export function planRollBack(state: SupervisorState): SupervisorState {
  const { trial, refused } = state;
  if (trial === null) return state;
  return { ...state, trial: null, refused: [...refused, trial.releaseId].slice(-MOST_REFUSED) };
}

const placeOf = ({ slot, releaseId }: PlacedRelease): PlacedRelease => ({ slot, releaseId });
