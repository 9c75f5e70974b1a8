import type { DeploymentStatus, RolloutStatus } from "../../protocol/index.js";
import { type MachineTable, transition } from "../fsm/index.js";
import { settleWave, type WaveCounts } from "./wave.js";

/** How a rollout stands. */
export interface RolloutState {
  readonly status: RolloutStatus;
  /** The wave under way, counted from 1; 0 before the first was started. */
  readonly wave: number;
}

/** Where every rollout begins. */
export const INITIAL_ROLLOUT: RolloutState = { status: "running", wave: 0 };

/** What can happen to a rollout. */
export type RolloutEvent =
  /**
   * The executor looked: the counts of each wave's deployments by status, first wave first. A wave that was not started has none.
   */
  | { readonly type: "observed"; readonly waves: readonly WaveCounts[] }
  /** An operator wants it to stop. */
  | { readonly type: "canceled" };

/** What follows, for the executor to do. */
export type RolloutEffect =
  | { readonly type: "start_wave"; readonly wave: number }
  | { readonly type: "cancel_deployments" }
  | { readonly type: "finished"; readonly status: RolloutStatus };

export interface RolloutPlan {
  readonly state: RolloutState;
  readonly effects: readonly RolloutEffect[];
}

type StatusEvent =
  | { readonly type: "canceled" }
  | { readonly type: "settled"; readonly as: Exclude<RolloutStatus, "running"> };

/** A finished rollout has no way out. */
const TABLE: MachineTable<RolloutStatus, StatusEvent, RolloutEffect> = {
  running: {
    canceled: { to: "canceled", effects: [{ type: "cancel_deployments" }, { type: "finished", status: "canceled" }] },
    settled: ({ as }) => ({ to: as, effects: [{ type: "finished", status: as }] }),
  },
  succeeded: {},
  failed: {},
  canceled: {},
};

/**
 * Computes what one event makes of a rollout. Pure: asked twice about the same counts it answers the same, so an executor that was
 * killed between looking and acting simply looks again.
 *
 * Waves go in order: the next one starts once all deployments of the one before ended; the rollout is settled with its last wave.
 */
export function planRollout(state: RolloutState, event: RolloutEvent): RolloutPlan {
  if (event.type === "canceled") {
    const step = transition(TABLE, state.status, event);
    return { state: { ...state, status: step.state }, effects: step.effects };
  }
  if (state.status !== "running") return { state, effects: [] };
  const current = state.wave === 0 ? undefined : event.waves[state.wave - 1];
  if (state.wave === 0 || (current !== undefined && settleWave(current) !== "running")) {
    if (state.wave < event.waves.length) {
      const wave = state.wave + 1;
      return { state: { ...state, wave }, effects: [{ type: "start_wave", wave }] };
    }
    const step = transition(TABLE, state.status, { type: "settled", as: settleAll(event.waves) });
    return { state: { ...state, status: step.state }, effects: step.effects };
  }
  return { state, effects: [] };
}

function settleAll(waves: readonly WaveCounts[]): Exclude<RolloutStatus, "running"> {
  const total: Partial<Record<DeploymentStatus, number>> = {};
  for (const wave of waves) {
    for (const [status, count] of Object.entries(wave)) {
      const key = status as DeploymentStatus;
      total[key] = (total[key] ?? 0) + count;
    }
  }
  const settled = settleWave(total);
  return settled === "running" ? "failed" : settled;
}
